import { isDeepStrictEqual } from 'node:util';
import { type CommandOf, commandData, leavesProfile } from '../../../contract/messages/commands.js';
import { DEFAULT_PRESENCE, DEFAULT_USER_KIND, type User } from '../../../domain/user.js';
import type { CommandHandler } from '../command-handler.js';
import { accepted, attributesAbout, refused } from '../outcome.js';
import { storedMetadata } from '../stored-metadata.js';

/**
 * Replaces a whole profile: the actor's own, unless `userId` names another user. Fields that are left out are cleared,
 * except for the kind, the presence and the claims, which stay. A command with only claims or the presence changes
 * nothing else. If the profile is already so, nothing changes.
 */
export const upsertUser: CommandHandler<'user.upsert'> = {
  type: 'user.upsert',
  schema: commandData['user.upsert'],
  snapshotKeys({ tenantId, data }, keys) {
    if (data.userId !== undefined) keys.users.add({ tenantId, userId: data.userId });
  },
  handle(command, context) {
    const { state, policy, cause } = context;
    const { tenantId, actorId, data } = command;
    const userId = data.userId ?? actorId;
    const { decisionId, refusal } = policy.enforce({
      ...attributesAbout('user.upsert', command, context),
      profile: {
        isActor: userId === actorId,
        setsKind: data.kind !== undefined,
        setsClaims: data.claims !== undefined,
      },
    });
    if (refusal !== null) return refused(refusal, decisionId);

    const before = state.user(tenantId, userId);
    const profile = newProfile(userId, data, before);
    if (before !== undefined) {
      const { displayName, avatarUrl, kind, metadata, presence, claims } = before;
      if (isDeepStrictEqual(profile, { displayName, avatarUrl, kind, metadata, presence, claims }))
        return accepted(decisionId, null);
    }
    const user: User = {
      tenantId,
      userId,
      ...profile,
      revision: (before?.revision ?? 0) + 1,
      createdAt: before?.createdAt ?? state.now,
      updatedAt: state.now,
    };
    state.putUser(user);
    const { claims: _, ...published } = user;
    state.appendEvent(cause, { type: 'user.upserted', user: published }, null);
    return accepted(decisionId, null);
  },
};

function newProfile(
  userId: string,
  data: CommandOf<'user.upsert'>['data'],
  before: User | undefined,
): Pick<User, 'displayName' | 'avatarUrl' | 'kind' | 'metadata' | 'presence' | 'claims'> {
  const kind = data.kind ?? before?.kind ?? DEFAULT_USER_KIND;
  const presence = data.presence ?? before?.presence ?? DEFAULT_PRESENCE;
  const claims = data.claims ?? before?.claims ?? {};
  // A user without a name gets the id as name.
  const displayName = data.displayName ?? before?.displayName ?? userId;
  if (leavesProfile(data) && before !== undefined) {
    const { avatarUrl, metadata } = before;
    return { displayName, avatarUrl, kind, metadata, presence, claims };
  }
  return {
    displayName,
    avatarUrl: data.avatarUrl ?? null,
    kind,
    metadata: storedMetadata(data.metadata ?? {}),
    presence,
    claims,
  };
}
