-- With which code a command was refused after all that the policy had permitted: by the state of its chat, or for a quota.
ALTER TABLE "decisions" ADD COLUMN "refused_as" TEXT;
