import { isDeepStrictEqual } from 'node:util';
import { DEFAULT_USER_KIND, type User } from '../../domain/user.js';
import { accepted, factsAbout, refused, type UseCase } from './outcome.js';
import { storedMetadata } from './stored-metadata.js';

/**
 * Sets the actor's profile as a whole: what is left out is cleared, except for the kind of user, which stays. A profile that
 * is so already changes nothing.
 */
export const upsertUser: UseCase<'user.upsert'> = (command, context) => {
  const { state, policy, cause } = context;
  const { tenantId, actorId, data } = command;
  const { decisionId, refusal } = policy.enforce({
    ...factsAbout('user.upsert', command, context),
    setsKind: data.kind !== undefined,
  });
  if (refusal !== null) return refused(refusal, decisionId);

  const before = state.user(tenantId, actorId);
  const profile = {
    displayName: data.displayName,
    avatarUrl: data.avatarUrl ?? null,
    kind: data.kind ?? before?.kind ?? DEFAULT_USER_KIND,
    metadata: storedMetadata(data.metadata ?? {}),
  };
  if (before !== undefined) {
    const { displayName, avatarUrl, kind, metadata } = before;
    if (isDeepStrictEqual(profile, { displayName, avatarUrl, kind, metadata })) return accepted(decisionId, null);
  }
  const user: User = {
    tenantId,
    userId: actorId,
    ...profile,
    revision: (before?.revision ?? 0) + 1,
    createdAt: before?.createdAt ?? state.now,
    updatedAt: state.now,
  };
  state.putUser(user);
  state.appendEvent(cause, { type: 'user.upserted', user }, null);
  return accepted(decisionId, null);
};
