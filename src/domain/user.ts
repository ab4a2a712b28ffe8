import type { Metadata } from './chat.js';

export type UserKind = 'human' | 'bot' | 'service';

/** A profile. Users exist by being named: nothing requires one. */
export interface User {
  tenantId: string;
  userId: string;
  displayName: string;
  avatarUrl: string | null;
  kind: UserKind;
  metadata: Metadata;
  /** 1, 2, 3 …; whoever keeps profiles applies the highest. */
  revision: number;
  createdAt: Date;
  updatedAt: Date;
}

/** What is taken for granted of a user without a profile. */
export const DEFAULT_USER_KIND: UserKind = 'human';
