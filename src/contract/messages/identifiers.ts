/** The identifiers of the contract: tenant, user, chat, message and command. */
import { z } from 'zod';
import { expecting } from './violation-text.js';

/**
 * A chat or message id: a UUID in lower-case canonical form. Upper case is refused because it would hash to another
 * partition.
 */
export const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/**
 * Identity providers use `|`, as in `auth0|…`, and a leading `_` or `-`. `__proto__` would harm consumers that use user
 * ids as object keys.
 */
export const USER_ID_PATTERN = /^(?!__proto__$)[A-Za-z0-9_-][A-Za-z0-9_@:.+|-]{0,127}$/;
export const TENANT_ID_PATTERN = /^[a-z0-9][a-z0-9_-]{0,63}$/;
/** The patterns in words. */
export const USER_ID_RULE = '1 to 128 of A-Z a-z 0-9 _ @ : . + | -, starting with a letter, a digit, _ or -';
export const TENANT_ID_RULE = '1 to 64 of a-z 0-9 _ -, starting with a letter or digit';
export const COMMAND_ID_PATTERN = /^[A-Za-z0-9._~:-]{1,128}$/;

export const DEFAULT_TENANT = 'default';

const UUID = 'a UUID in lower-case canonical form';
const USER_ID = `a user id: ${USER_ID_RULE}`;
const TENANT_ID = `a tenant id: ${TENANT_ID_RULE}`;
const COMMAND_ID = '1 to 128 of A-Z a-z 0-9 . _ ~ : -';

function like(pattern: RegExp, what: string) {
  return z.string(expecting(what)).regex(pattern, `must be ${what}`);
}

export const chatId = like(UUID_PATTERN, UUID).meta({
  description: 'Chat id: a UUID in lower-case canonical form.',
  example: '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d10',
});
export const messageId = like(UUID_PATTERN, UUID).meta({
  description: 'Message id: a UUID in lower-case canonical form.',
  example: '0199c1df-0d52-7c0e-8a11-5b0c4b7c2f31',
});
export const webhookId = like(UUID_PATTERN, UUID).meta({
  description: 'Webhook id, chosen by its creator: a UUID in lower-case canonical form.',
  example: '0199c1e0-1a2b-7c3d-8e4f-5a6b7c8d9e0f',
});
export const keyId = like(UUID_PATTERN, UUID).meta({
  description: 'Id of an API key: a UUID in lower-case canonical form.',
  example: '0199c1e0-2b3c-7d4e-9f50-6b7c8d9e0f1a',
});
export const decisionId = like(UUID_PATTERN, UUID).meta({
  description: 'Decision id, as in receipts and problems: a UUID in lower-case canonical form.',
  example: '0199c1df-0d53-7a41-9d0e-0b7d6c0f6a11',
});
export const userId = like(USER_ID_PATTERN, USER_ID).meta({ description: 'User id.', example: 'alice' });
export const tenantId = like(TENANT_ID_PATTERN, TENANT_ID).meta({
  description: 'Tenant id. Default: `default`.',
  example: DEFAULT_TENANT,
});
export const commandId = like(COMMAND_ID_PATTERN, COMMAND_ID).meta({
  description: 'Command id: the idempotency key, unique per tenant and actor.',
  example: 'send-0001',
});
