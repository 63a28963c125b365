        IF NOT (OLD *<> NEW) THEN
            RETURN NULL; -- nothing that is stored has changed
        END IF;
