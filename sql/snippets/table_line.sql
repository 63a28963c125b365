json_build_array(
            'table', c.relname, c.relowner::regrole::text, c.relrowsecurity, c.relforcerowsecurity
        )::text