CASE
            WHEN p_value IS NULL THEN 'default'
            WHEN octet_length(p_value) > 200 THEN 'sha256:' || encode(sha256(convert_to(p_value, 'UTF8')), 'hex')
            WHEN starts_with(p_value, '_') THEN '_' || p_value
            ELSE p_value
        END
