/** Bugs to be put in between a worker and its broker: each a switch of the simulation alone, named for what goes wrong. */

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

type SendHome = CommandSource['forward'];

function sendingHome(wrap: (forward: SendHome) => SendHome): Plant {
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
  'what is given back comes again in another order':
    () =>
    (ports, _process, { broker }) => {
      for (const queue of broker.queues)
        queue.giveBack = (entries) => {
          queue.ready.unshift(...entries.toReversed());
        };
      return ports;
    },
  'confirms are not waited for': () =>
    publishing((publish) => (event, settled) => {
      publish(event, () => undefined);
      settled('confirmed');
    }),
  'a refusal is taken for a confirm': () => settling((outcome) => (outcome === 'refused' ? 'confirmed' : outcome)),
  'a lost channel is taken for a confirm': () => settling((outcome) => (outcome === 'lost' ? 'confirmed' : outcome)),
  'two events change places': () => {
    let held: (() => void) | null = null;
    return publishing((publish) => (event, settled) => {
      const go = () => publish(event, settled);
      if (held === null) {
        held = go;
        // Nothing may come after it.
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
  'a repeat goes out under a new id': () => {
    const seen = new Set<string>();
    return publishing((publish) => (event, settled) => {
      const again: OutgoingEvent = seen.has(event.id) ? { ...event, id: `${event.id}-again` } : event;
      seen.add(event.id);
      publish(again, settled);
    });
  },
  'an event is told as another one': () => {
    let last: OutgoingEvent | null = null;
    return publishing((publish) => (event, settled) => {
      publish(last === null ? event : { ...event, body: last.body }, settled);
      last = event;
    });
  },
  'events go out before the commit':
    () =>
    (ports, _process, { broker, database }) => {
      const { commands } = ports.store;
      const render = { storeId: database.world.storeId, recipientsMax: 256 };
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
  'receipts go out before the commit': () => (ports) => {
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
  'a receipt goes to the one who asked before': () => {
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
  'a repeat is answered without looking': () => (ports) => ({
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
  'a misrouted command is dropped': () => sendingHome(() => async () => undefined),
  'a misrouted command is not waited for': () =>
    sendingHome((forward) => async (...args) => {
      void forward(...args).catch(() => undefined);
    }),
  'a misrouted command is sent to a wrong partition once more': () =>
    sendingHome((forward) => (delivery, home) => forward(delivery, (home + 1) % PARTITIONS)),
  'misrouted commands change places': () => {
    let held: (() => Promise<void>) | null = null;
    return sendingHome((forward) => async (...args) => {
      const before = held;
      held = before === null ? () => forward(...args) : null;
      if (before === null) return;
      await forward(...args);
      await before();
    });
  },
  'the store of the namespace is not looked at':
    () =>
    (ports, _process, { broker }) => {
      broker.claim = () => true;
      return ports;
    },
  'dead letters are dropped': () => (ports) => ({ ...ports, deadLetters: { deadLetter: async () => undefined } }),
  'a dead letter is not waited for': () => (ports) => ({
    ...ports,
    deadLetters: {
      deadLetter: async (...args) => {
        void ports.deadLetters.deadLetter(...args).catch(() => undefined);
      },
    },
  }),
};
