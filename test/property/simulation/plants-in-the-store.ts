/** Planted bugs between a worker and its store, by name. They exist in the simulation only. */

import type { PartitionRow } from '../../../src/adapters/stores/memory/memory-tables.js';
import {
  type BatchSnapshot,
  type BatchWrites,
  type CommandStore,
  memberKey,
  receiptKey,
  StoreError,
  type StoreErrorKind,
} from '../../../src/application/ports/store/command-store.js';
import type {
  ChatMember,
  ChatMembers,
  EventLog,
  LoggedEvent,
} from '../../../src/application/ports/store/log/event-log.js';
import type { PartitionRegistry, TakenPartition } from '../../../src/application/ports/store/partition-registry.js';
import type { Plant } from './simulate.js';

type Transact = CommandStore['transact'];

/** A bug that changes the snapshot or the writes of each transaction. */
function deciding(
  change: (snapshot: BatchSnapshot) => BatchSnapshot,
  rewrite: (writes: BatchWrites, snapshot: BatchSnapshot) => BatchWrites,
): Plant {
  return transacting(
    (transact) => (request, decide) =>
      transact(request, (snapshot) => {
        const { writes, value } = decide(change(snapshot));
        return { writes: rewrite(writes, snapshot), value };
      }),
  );
}

function transacting(wrap: (transact: Transact) => Transact): Plant {
  return (ports) => {
    const { commands } = ports.store;
    return { ...ports, store: { ...ports.store, commands: { ...commands, transact: wrap(commands.transact) } } };
  };
}

/** A failure of that kind is treated as a success. */
function succeeding(kind: StoreErrorKind): Plant {
  return transacting((transact) => async (request, decide) => {
    let decided: ReturnType<typeof decide> | null = null;
    try {
      return await transact(request, (snapshot) => {
        decided = decide(snapshot);
        return decided;
      });
    } catch (error) {
      if (!(error instanceof StoreError) || error.kind !== kind || decided === null) throw error;
      return { outcome: 'committed', value: (decided as ReturnType<typeof decide>).value };
    }
  });
}

function registering(wrap: (registry: PartitionRegistry) => Partial<PartitionRegistry>): Plant {
  return (ports) => ({
    ...ports,
    store: { ...ports.store, registry: { ...ports.store.registry, ...wrap(ports.store.registry) } },
  });
}

/** A bug that changes the members from whom the recipients are computed. */
function reading(change: (chatId: string, chat: ChatMembers) => ChatMembers): Plant {
  return (ports) => {
    const { log } = ports.store;
    const recipients: EventLog['recipients'] = async (...args) =>
      new Map([...(await log.recipients(...args))].map(([chatId, chat]) => [chatId, change(chatId, chat)]));
    return { ...ports, store: { ...ports.store, log: { ...log, recipients } } };
  };
}

function readingMembers(change: (member: ChatMember, chatId: string) => ChatMember): Plant {
  return reading((chatId, chat) => ({
    ...chat,
    members: chat.members?.map((member) => change(member, chatId)) ?? null,
  }));
}

/** The first value that was stored for the key. */
function cachedIn<T>(kept: Map<string, T>, key: string, value: T): T {
  const first = kept.get(key) ?? value;
  kept.set(key, first);
  return first;
}

/** The event, as if its message were not older than itself. */
function asIfAboutItself(logged: LoggedEvent): LoggedEvent {
  const { event, sequence } = logged;
  if (sequence === null) return logged;
  if (event.type === 'message.edited')
    return { ...logged, event: { ...event, message: { ...event.message, sequence } } };
  return 'messageSequence' in event ? { ...logged, event: { ...event, messageSequence: sequence } } : logged;
}

const same = <T>(value: T): T => value;

/** A bug that changes the partition's row before or after pruning. */
function pruning(before: (row: PartitionRow) => PartitionRow, after = same<PartitionRow>): Plant {
  return (ports, _process, { database }) => {
    const { commands } = ports.store;
    const pruneRejectedCommands: CommandStore['pruneRejectedCommands'] = (partition, _before, limit) => {
      const row = database.tables.partitions.get(partition);
      if (row === undefined) return Promise.resolve(0);
      const { publishedThrough } = row;
      Object.assign(row, before(row));
      const pruned = database.pruneRejectedCommands(partition, limit);
      Object.assign(row, after({ ...row, publishedThrough }));
      return pruned;
    };
    return { ...ports, store: { ...ports.store, commands: { ...commands, pruneRejectedCommands } } };
  };
}

/** True for one call in `count`. */
function oneIn(count: number): () => boolean {
  let calls = 0;
  return () => {
    calls += 1;
    return calls % count === 0;
  };
}

export const STORE_PLANTS: { [name: string]: () => Plant } = {
  'repeated commands are executed again': () =>
    deciding(
      (snapshot) => ({ ...snapshot, receipts: new Map() }),
      (writes, snapshot) => ({
        ...writes,
        receipts: writes.receipts.filter((receipt) => !snapshot.receipts.has(receiptKey(receipt))),
      }),
    ),
  'receipts are not stored': () => deciding(same, (writes) => ({ ...writes, receipts: [] })),
  'a sequence number is skipped': () => {
    const now = oneIn(20);
    return deciding(same, (writes) => {
      const last = writes.events.at(-1);
      const chat = writes.chatsChanged.find(({ chatId }) => chatId === last?.chatId);
      if (last === undefined || last.sequence === null || chat === undefined || !now()) return writes;
      last.sequence += 1;
      chat.lastSequence += 1;
      return writes;
    });
  },
  'an event is not written': () => {
    const now = oneIn(20);
    return deciding(same, (writes) => (now() ? { ...writes, events: writes.events.slice(0, -1) } : writes));
  },
  'a message is not written': () => {
    const now = oneIn(20);
    return deciding(same, (writes) => (now() ? { ...writes, messages: writes.messages.slice(0, -1) } : writes));
  },
  'a removed member stays in the chat': () => deciding(same, (writes) => ({ ...writes, membersRemoved: [] })),
  'the member count is one too high after a removal': () =>
    deciding(same, (writes) => ({
      ...writes,
      chatsChanged: writes.chatsChanged.map((chat) =>
        writes.membersRemoved.some(({ chatId }) => chatId === chat.chatId)
          ? { ...chat, memberCount: chat.memberCount + 1 }
          : chat,
      ),
    })),
  'memberships are cached across batches': () => {
    const kept = new Map<string, NonNullable<ReturnType<BatchSnapshot['members']['get']>>>();
    return deciding((snapshot) => {
      for (const [key, member] of snapshot.members) if (!kept.has(key)) kept.set(key, member);
      return { ...snapshot, members: kept };
    }, same);
  },
  'a user who is not a member is treated as one': () =>
    deciding((snapshot) => {
      const members = new Map(snapshot.members);
      for (const chatId of snapshot.chats.keys()) {
        const someone = [...snapshot.members.values()].find((member) => member.chatId === chatId);
        const key = memberKey({ chatId, userId: 'dave' });
        if (someone !== undefined && !members.has(key))
          members.set(key, { ...someone, userId: 'dave', role: 'member' });
      }
      return { ...snapshot, members };
    }, same),
  'a statement timeout is treated as an unavailable database': () =>
    transacting((transact) => async (request, decide) => {
      try {
        return await transact(request, decide);
      } catch (error) {
        const isTimeout = error instanceof StoreError && error.kind === 'timed_out';
        throw isTimeout ? new StoreError('unavailable', 'the database is away, surely') : error;
      }
    }),
  'a slow database is treated as costly commands': () => (ports) => {
    const { commands } = ports.store;
    const probe = async () => undefined;
    return { ...ports, store: { ...ports.store, commands: { ...commands, probe } } };
  },
  'an unknown commit outcome is treated as a failure': () =>
    transacting((transact) => async (request, decide) => {
      try {
        return await transact(request, decide);
      } catch (error) {
        const isUnknown = error instanceof StoreError && error.kind === 'unknown';
        throw isUnknown ? new StoreError('unavailable', 'nothing was written, surely') : error;
      }
    }),
  'an unknown commit outcome is treated as a success': () => succeeding('unknown'),
  'a batch that failed by contention is treated as committed': () => succeeding('contention'),
  'a fenced batch is treated as committed': () =>
    transacting((transact) => async (request, decide) => {
      const result = await transact(request, decide);
      if (result.outcome === 'committed') return result;
      // Returns as if an empty batch had been committed.
      const snapshot: BatchSnapshot = {
        ...{
          positions: new Map(request.leases.map(({ partition }) => [partition, 0])),
          receipts: new Map(),
          chats: new Map(),
          members: new Map(),
        },
        ...{
          users: new Map(),
          messages: new Map(),
          messagesInFull: new Map(),
          reactions: new Set(),
          reactionCounts: new Map(),
          emojiOfMessages: new Map(),
          emojiOfReactors: new Map(),
          ordinals: new Map(),
          userChats: new Map(),
          formerMutes: new Map(),
          webhooks: new Map(),
        },
      };
      return { outcome: 'committed', value: decide(snapshot).value };
    }),
  'the publisher does not get the events of a batch': () => {
    const now = oneIn(10);
    return transacting((transact) => async (request, decide) => {
      const result = await transact(request, decide);
      if (result.outcome === 'committed' && now()) Object.assign(result.value as object, { events: [] });
      return result;
    });
  },
  'recipients are cached forever': () => {
    const kept = new Map<string, ChatMembers>();
    return reading((chatId, chat) => cachedIn(kept, chatId, chat));
  },
  'the state of a chat is cached forever, its members are not': () => {
    const kept = new Map<string, ChatMembers>();
    return reading((chatId, chat) => {
      const { archived, historyVisibility } = cachedIn(kept, chatId, chat);
      return { ...chat, archived, historyVisibility };
    });
  },
  "members' roles are cached forever": () => {
    const kept = new Map<string, ChatMember>();
    return readingMembers((member, chatId) => ({
      ...member,
      role: cachedIn(kept, `${chatId} ${member.userId}`, member).role,
    }));
  },
  'members get events from before their joining': () => readingMembers((member) => ({ ...member, joinedSequence: 0 })),
  'members who join again get events since their first joining': () => {
    const kept = new Map<string, ChatMember>();
    return readingMembers((member, chatId) => {
      const { joinedSequence } = cachedIn(kept, `${chatId} ${member.userId}`, member);
      return { ...member, joinedSequence };
    });
  },
  'members who may not view the chat get its events': () => readingMembers((member) => ({ ...member, role: 'owner' })),
  'removed members get later events': () => {
    const seen = new Map<string, Map<string, ChatMember>>();
    return reading((chatId, chat) => {
      const ever = cachedIn(seen, chatId, new Map<string, ChatMember>());
      for (const member of chat.members ?? []) ever.set(member.userId, member);
      return { ...chat, members: [...ever.values()] };
    });
  },
  'visibility of an event about an older message is decided by the sequence of the event': () =>
    transacting((transact) => async (request, decide) => {
      const result = await transact(request, decide);
      if (result.outcome !== 'committed') return result;
      const { events } = result.value as { events: LoggedEvent[] };
      Object.assign(result.value as object, { events: events.map(asIfAboutItself) });
      return result;
    }),
  'events that were not published before a take-over are skipped': () =>
    registering((registry) => ({
      acquire: async (...args): Promise<TakenPartition> => {
        const ownership = await registry.acquire(...args);
        return { ...ownership, publishedThrough: ownership.position };
      },
    })),
  'a take-over skips the last event': () =>
    registering((registry) => ({
      acquire: async (...args): Promise<TakenPartition> => {
        const ownership = await registry.acquire(...args);
        return { ...ownership, position: Math.max(ownership.publishedThrough, ownership.position - 1) };
      },
    })),
  'the published position is saved before the confirms': () => {
    const ahead = registering((registry) => ({
      savePublished: (partition, epoch, through) => registry.savePublished(partition, epoch, through + 4),
    }));
    const aheadToo = transacting(
      (transact) => (request, decide) =>
        transact(
          {
            ...request,
            leases: request.leases.map((lease) => ({ ...lease, publishedThrough: lease.publishedThrough + 4 })),
          },
          decide,
        ),
    );
    return (ports, process, around) => aheadToo(ahead(ports, process, around), process, around);
  },
  'the epoch of only the first partition of a batch is checked':
    () =>
    (ports, _process, { database }) => {
      const { commands } = ports.store;
      const transact: Transact = (request, decide) => {
        const leases = request.leases.map((lease, index) => {
          const now = database.tables.partitions.get(lease.partition);
          return index === 0 || now === undefined ? lease : { ...lease, epoch: now.epoch };
        });
        return commands.transact({ ...request, leases }, decide);
      };
      return { ...ports, store: { ...ports.store, commands: { ...commands, transact } } };
    },
  'a batch moves the position of the wrong partition':
    () =>
    (ports, _process, { database }) => {
      const { commands } = ports.store;
      const transact: Transact = async (request, decide) => {
        const rows = request.leases.map(({ partition }) => database.tables.partitions.get(partition));
        const before = rows.map((row) => row?.position ?? 0);
        const result = await commands.transact(request, decide);
        const [first, second] = rows;
        if (result.outcome !== 'committed' || first === undefined || second === undefined) return result;
        const moved = second.position - (before[1] ?? 0);
        second.position -= moved;
        first.position += moved;
        return result;
      };
      return { ...ports, store: { ...ports.store, commands: { ...commands, transact } } };
    },
  'unpublished events are pruned': () => pruning((row) => ({ ...row, publishedThrough: row.position })),
  'the floor of the log is not raised': () => pruning(same, (row) => ({ ...row, logFloor: 0 })),
  'a take-over does not raise the epoch': () => (ports, process, around) =>
    registering((registry) => ({
      acquire: async (partition, workerId) => {
        const before = around.database.tables.partitions.get(partition)?.epoch ?? 0;
        const ownership = await registry.acquire(partition, workerId);
        const row = around.database.tables.partitions.get(partition);
        // The first owner needs an epoch.
        if (row === undefined || before === 0) return ownership;
        row.epoch = before;
        return { ...ownership, epoch: before };
      },
    }))(ports, process, around),
};
