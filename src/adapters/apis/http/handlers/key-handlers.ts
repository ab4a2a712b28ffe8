/** API keys of bots. A key is returned once, when it is made. */
import { v7 } from 'uuid';
import { newApiKey } from '../../../../application/gateway/api-keys.js';
import type { AdministrationPolicy } from '../../../../application/policy/administration.js';
import type { ApiKey, ApiKeys } from '../../../../application/ports/store/api-keys.js';
import { KEYS_PER_USER_MAX, newKeyBody, type RestKey } from '../../../../contract/rest/webhook-operations.js';
import type { Handlers } from '../middleware/request-context.js';
import { notFound, ok, problemAnswer, refusalAnswer } from '../response.js';
import { parsedBody } from './parsed-body.js';

export function keyHandlers(
  keys: ApiKeys,
  policy: AdministrationPolicy,
): Handlers<'createKey' | 'listKeys' | 'deleteKey'> {
  return {
    async createKey({ caller, path, body }) {
      const denied = await policy.denial(caller, 'key.manage', path.userId);
      if (denied !== null) return refusalAnswer(denied.refusal, denied.decisionId);
      const parsed = parsedBody(newKeyBody, body);
      if ('refused' in parsed) return parsed.refused;
      const { label, scopes, expiresAt } = parsed.data;
      const keyId = v7();
      const { key, hash } = newApiKey(keyId);
      const stored = {
        ...{ keyId, tenantId: caller.tenantId, userId: path.userId, label, hash },
        scopes: [...new Set(scopes)],
        createdBy: caller.userId,
        createdAt: new Date(),
        expiresAt: expiresAt === undefined ? null : new Date(expiresAt),
      };
      if (!(await keys.add(stored, KEYS_PER_USER_MAX)))
        return problemAnswer('limit_reached', { detail: `a user has at most ${KEYS_PER_USER_MAX} API keys` });
      return { status: 201, body: { ...representKey(stored), key } };
    },

    async listKeys({ caller, path }) {
      const denied = await policy.denial(caller, 'key.manage', path.userId);
      if (denied !== null) return refusalAnswer(denied.refusal, denied.decisionId);
      const found = await keys.list({ tenantId: caller.tenantId, userId: path.userId });
      return ok({ items: found.map(representKey) });
    },

    async deleteKey({ caller, path }) {
      const denied = await policy.denial(caller, 'key.manage', path.userId);
      if (denied !== null) return refusalAnswer(denied.refusal, denied.decisionId);
      const removed = await keys.remove({ tenantId: caller.tenantId, userId: path.userId }, path.keyId);
      return removed === null ? notFound() : ok(representKey(removed));
    },
  };
}

function representKey({ keyId, userId, label, scopes, createdBy, createdAt, expiresAt }: ApiKey): RestKey {
  return {
    ...{ keyId, userId, label, scopes, createdBy },
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt?.toISOString() ?? null,
  };
}
