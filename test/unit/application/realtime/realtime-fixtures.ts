/** Events and connections for tests of a gateway's parts. */

import { fingerprintOf } from '../../../../src/application/policy/view-chat.js';
import type { UserMembership } from '../../../../src/application/ports/queries/realtime-reads.js';
import type { SyncProgress } from '../../../../src/application/queries/sync-chats.js';
import { Connection, type ConnectionOptions } from '../../../../src/application/realtime/connection.js';
import { type Arrival, LiveEvent } from '../../../../src/application/realtime/live-event.js';
import type { CloudEvent } from '../../../../src/contract/messages/events.js';
import type { ServerFrame } from '../../../../src/contract/realtime/server-frames.js';

export const CHAT = '0199c1de-7c3a-7b1e-9a43-3f1b6a0f9d10';
export const MESSAGE = '0199c1df-0d52-7c0e-8a11-5b0c4b7c2f31';
export const BOB = { tenantId: 'default', userId: 'bob' };

function cloudEvent(type: CloudEvent['type'], sequence: number | null, more: object): CloudEvent {
  const data = { tenantId: 'default', chatId: CHAT, actorId: 'alice', commandId: 'c', sequence, ...more };
  return { type, id: `${CHAT}/${sequence}`, data } as unknown as CloudEvent;
}

export const message = (sequence: number, body = `text ${sequence}`, senderId = 'alice') =>
  cloudEvent('message.created', sequence, {
    ...{ messageId: MESSAGE, senderId, body, mentions: [], attachments: [], metadata: {} },
  });
export const deleted = (sequence: number, messageSequence: number) =>
  cloudEvent('message.deleted', sequence, { messageId: MESSAGE, messageSequence, mode: 'soft' });
export const added = (sequence: number, userId: string) =>
  cloudEvent('member.added', sequence, { members: [{ userId, role: 'member' }] });
export const removed = (sequence: number, userId: string) =>
  cloudEvent('member.removed', sequence, { userId, left: false });

export const live = (event: CloudEvent, position: number, partition = 0) => new LiveEvent(partition, position, event);

export const membership = (
  lastSequence: number,
  joinedSequence: number,
  more: Partial<UserMembership> = {},
): UserMembership => ({
  ...{ ...BOB, chatId: CHAT, kind: 'group', historyVisibility: 'since-joined', memberCount: 3 },
  ...{ lastSequence, joinedSequence, ...more },
});

export const progressAt = (position: number, imports = 0): SyncProgress => ({
  from: { positions: [position], imports },
  shown: fingerprintOf('all'),
  walk: null,
});

/** A connection whose frames are kept. What is `sent` counts as written when `flush` is called, or at once. */
export function connectionOf({
  make = (options: ConnectionOptions) => new Connection(options),
  holds = false,
  unackedMax = 8,
} = {}) {
  const arrived: Arrival[] = [];
  const frames: ServerFrame[] = [];
  const unsent: (() => void)[] = [];
  let now = 0;
  let closedWith: number | null = null;
  const connection = make({
    ...{ id: 'c', caller: BOB, base: progressAt(0), elapsedMs: () => now },
    limits: { unackedMax, unackedMaxBytes: 1024 * 1024 },
    onArrived: (arrivals) => arrived.push(...arrivals),
    outlet: {
      send: ({ text }, onSent) => {
        frames.push(JSON.parse(text) as ServerFrame);
        if (holds) unsent.push(onSent);
        else queueMicrotask(onSent);
      },
      close: (code) => {
        closedWith = code;
      },
    },
  });
  return {
    connection,
    frames,
    arrived,
    flush: () => {
      for (const done of unsent.splice(0)) done();
    },
    pass: (ms: number) => {
      now += ms;
    },
    get closedWith() {
      return closedWith;
    },
    sequences: () =>
      frames.flatMap((frame) =>
        frame.t === 'event' && 'sequence' in frame.event.data ? [frame.event.data.sequence] : [],
      ),
    /** The first walk ends at this position. */
    goLive: (position = 0, imports = 0, arrivals: readonly Arrival[] = []) => {
      void connection.sendPage({
        json: '{"items":[],"next":"t","hasMore":false}',
        token: 't',
        progress: progressAt(position, imports),
        arrivals,
      });
      return connection.endWalk({ positions: [position], imports }, true);
    },
  };
}
