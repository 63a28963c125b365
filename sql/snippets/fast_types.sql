    -- Of the types in the first two lists jsonb of the row holds what the specialised function records;
    -- of the second, two values may have one jsonb. Of the third, its text is the value's text.
    c_plain_types CONSTANT oid[] := '"char"'::regtype || '{bool,name,int2,int4,int8,oid,text,varchar,bpchar,'
        'numeric,date,time,timestamp,timestamptz,interval,uuid,bytea,inet}'::regtype[];
    c_hiding_types CONSTANT oid[] := '{jsonb,_text,_varchar,_int2,_int4,_int8,_uuid}'::regtype[];
    c_text_types CONSTANT oid[] := '{bool,name,int2,int4,int8,text,varchar,numeric,date,uuid}'::regtype[];
