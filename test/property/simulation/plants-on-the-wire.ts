/** Planted bugs between a worker and its broker, by name. They exist in the simulation only. */

import { encodeEvent } from '../../../src/application/outbox/render-event.js';
import type {
  CommandSource,
  EventChannel,
  OutgoingEvent,
  PublishOutcome,
  Subscription,
} from '../../../src/application/ports/transport/transport.js';
import type { Plant } from './simulate.js';
import { PARTITIONS } from './story.js';

type Publish = EventChannel['publish'];

function publishing(wrap: (publish: Publish) => Publish): Plant {
  return (ports) => ({
    ...ports,
    sink: {
      openChannel: async () => {
        const channel = await ports.sink.openChannel();
        return {
          publish: wrap((event, settled) => channel.publish(event, settled)),
          writable: () => channel.writable(),
          close: () => channel.close(),
        };
      },
    },
  });
}

type Forward = CommandSource['forward'];

function forwarding(wrap: (forward: Forward) => Forward): Plant {
  return (ports) => ({
    ...ports,
    source: { ...ports.source, forward: wrap((delivery, home) => ports.source.forward(delivery, home)) },
  });
}

const settling = (change: (outcome: PublishOutcome) => PublishOutcome): Plant =>
  publishing((publish) => (event, settled) => publish(event, (outcome) => settled(change(outcome))));

export const WIRE_PLANTS: { [name: string]: () => Plant } = {
  'commands are acknowledged on arrival': () => (ports) => ({
    ...ports,
    source: {
      ...ports.source,
      subscribe: async (partition, prefetch, handlers) => {
        let subscription: Subscription | null = null;
        let last = 0;
        subscription = await ports.source.subscribe(partition, prefetch, {
          ...handlers,
          onDelivery: (delivery) => {
            last = delivery.tag;
            handlers.onDelivery(delivery);
            subscription?.acknowledgeThrough(last);
          },
        });
        return subscription;
      },
    },
  }),
  'one command too many is acknowledged': () => (ports) => ({
    ...ports,
    source: {
      ...ports.source,
      subscribe: async (...args) => {
        const subscription = await ports.source.subscribe(...args);
        return {
          acknowledgeThrough: (tag) => subscription.acknowledgeThrough(tag + 1),
          close: () => subscription.close(),
        };
      },
    },
  }),
  'requeued commands are delivered in another order':
    () =>
    (ports, _process, { broker }) => {
      for (const queue of broker.queues)
        queue.giveBack = (entries) => {
          queue.ready.unshift(...entries.toReversed());
        };
      return ports;
    },
  'publisher confirms are not awaited': () =>
    publishing((publish) => (event, settled) => {
      publish(event, () => undefined);
      settled('confirmed');
    }),
  'a refused event is treated as confirmed': () =>
    settling((outcome) => (outcome === 'refused' ? 'confirmed' : outcome)),
  'an event on a lost channel is treated as confirmed': () =>
    settling((outcome) => (outcome === 'lost' ? 'confirmed' : outcome)),
  'two events are swapped': () => {
    let held: (() => void) | null = null;
    return publishing((publish) => (event, settled) => {
      const go = () => publish(event, settled);
      if (held === null) {
        held = go;
        // Without a next event, it is published at once.
        setImmediate(() => {
          if (held === go) [held] = [null, go()];
        });
        return;
      }
      const before = held;
      held = null;
      go();
      before();
    });
  },
  'a repeated event has a new id': () => {
    const seen = new Set<string>();
    return publishing((publish) => (event, settled) => {
      const again: OutgoingEvent = seen.has(event.id) ? { ...event, id: `${event.id}-again` } : event;
      seen.add(event.id);
      publish(again, settled);
    });
  },
  'an event is published with the body of another one': () => {
    let last: OutgoingEvent | null = null;
    return publishing((publish) => (event, settled) => {
      publish(last === null ? event : { ...event, body: last.body }, settled);
      last = event;
    });
  },
  'events are published before the commit':
    () =>
    (ports, _process, { broker, database }) => {
      const { commands } = ports.store;
      const render = { storeId: database.tables.storeId, recipientsMax: 256 };
      return {
        ...ports,
        store: {
          ...ports.store,
          commands: {
            ...commands,
            transact: (request, decide) =>
              commands.transact(request, (snapshot) => {
                const decided = decide(snapshot);
                for (const event of decided.writes.events) broker.takeEvent(encodeEvent(event, null, render));
                return decided;
              }),
          },
        },
      };
    },
  'receipts are sent before the commit': () => (ports) => {
    const { commands } = ports.store;
    return {
      ...ports,
      store: {
        ...ports.store,
        commands: {
          ...commands,
          transact: (request, decide) =>
            commands.transact(request, (snapshot) => {
              const decided = decide(snapshot);
              for (const { actorId, commandId, receipt } of decided.writes.receipts)
                ports.receipts.send('chat.replies.sim', `${actorId} ${commandId}`, {
                  ...receipt,
                  messageId: receipt.messageId,
                });
              return decided;
            }),
        },
      },
    };
  },
  'a receipt is sent to the previous requester': () => {
    let last: string | null = null;
    return (ports) => ({
      ...ports,
      receipts: {
        send: (replyTo, correlationId, receipt) => {
          ports.receipts.send(replyTo, last ?? correlationId, receipt);
          last = correlationId;
        },
      },
    });
  },
  'a repeated command is answered without its stored receipt': () => (ports) => ({
    ...ports,
    receipts: {
      send: (replyTo, correlationId, receipt) => {
        const { reason: _, ...rest } = receipt;
        ports.receipts.send(
          replyTo,
          correlationId,
          receipt.replayed ? { ...rest, status: 'accepted', sequence: null } : receipt,
        );
      },
    },
  }),
  'a misrouted command is dropped': () => forwarding(() => async () => undefined),
  'forwarding of a misrouted command is not awaited': () =>
    forwarding((forward) => async (...args) => {
      void forward(...args).catch(() => undefined);
    }),
  'a misrouted command is forwarded to a wrong partition': () =>
    forwarding((forward) => (delivery, home) => forward(delivery, (home + 1) % PARTITIONS)),
  'two misrouted commands are swapped': () => {
    let held: (() => Promise<void>) | null = null;
    return forwarding((forward) => async (...args) => {
      const before = held;
      held = before === null ? () => forward(...args) : null;
      if (before === null) return;
      await forward(...args);
      await before();
    });
  },
  'the store of the namespace is not checked':
    () =>
    (ports, _process, { broker }) => {
      broker.claim = () => true;
      return ports;
    },
  'dead letters are dropped': () => (ports) => ({ ...ports, deadLetters: { deadLetter: async () => undefined } }),
  'dead-lettering is not awaited': () => (ports) => ({
    ...ports,
    deadLetters: {
      deadLetter: async (...args) => {
        void ports.deadLetters.deadLetter(...args).catch(() => undefined);
      },
    },
  }),
};
