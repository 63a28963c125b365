json_build_array(
            'table', c.relname, c.relowner, c.relrowsecurity, c.relforcerowsecurity
        )::text