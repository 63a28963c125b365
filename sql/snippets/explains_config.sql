(
            e.new_values ->> 'kind' = ANY (%(kinds)s::text[])
            -- explains a change of access alone: with the same guards it gives both fingerprints
            OR e.new_values ->> 'kind' = 'access-changed'
            AND w.before = encode(sha256(convert_to(
                (e.new_values ->> 'guards') || E'\n' || (e.new_values #>> '{access,0}'), 'UTF8'
            )), 'hex')
            AND w.after = encode(sha256(convert_to(
                (e.new_values ->> 'guards') || E'\n' || (e.new_values #>> '{access,1}'), 'UTF8'
            )), 'hex')
        )
