-- Ends the statement that calls it where the condition does not hold, and with it whatever that statement has written: a batch is one statement, which
-- commits by itself. `code`: the SQLSTATE that the caller is told.
CREATE FUNCTION abort_unless(holds boolean, code text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF holds THEN
        RETURN true;
    END IF;
    RAISE EXCEPTION 'not as it was read' USING ERRCODE = code;
END $$;
