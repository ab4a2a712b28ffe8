/** Audiences as they would be read of a chat. */
import type { ChatAudience } from '../../../../src/application/policy/chat-audience.js';

/** All of these see everything. */
export function everyoneOf(...viewers: string[]): ChatAudience {
  const firstVisible = viewers.map(() => 1);
  return { policyVersion: 'p', memberCount: viewers.length, viewers, firstVisible, visibleToAllFrom: 1 };
}

/** Each sees the chat from a number on. */
export function since(firstVisibleOf: { [userId: string]: number }): ChatAudience {
  const viewers = Object.keys(firstVisibleOf);
  const firstVisible = Object.values(firstVisibleOf);
  return { ...everyoneOf(...viewers), firstVisible, visibleToAllFrom: Math.max(...firstVisible) };
}

export function tooMany(memberCount: number): ChatAudience {
  return { ...everyoneOf(), memberCount, viewers: null };
}
