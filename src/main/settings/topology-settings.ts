/** The settings of the broker objects. */
import { names, type TopologySettings } from '../../contract/messages/topology.js';
import { type Values, variable } from '../../infrastructure/config/config.js';
import { byteSize, integer, oneOf, text } from '../../infrastructure/config/config-values.js';

/** Maximum length of a queue name and of a routing key. */
const AMQP_NAME_MAX_BYTES = 255;
const NAMESPACE = /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/;

/** `name=binding,binding;name=binding`, or `none`. */
function dispatchQueues(value: string): TopologySettings['dispatchQueues'] {
  if (value === 'none') return [];
  const queues = value.split(';').map((part) => {
    const at = part.indexOf('=');
    const name = part.slice(0, Math.max(0, at)).trim();
    const bindings = part
      .slice(at + 1)
      .split(',')
      .map((key) => key.trim());
    if (name === '' || [name, ...bindings].some((word) => word === '' || Buffer.byteLength(word) > AMQP_NAME_MAX_BYTES))
      throw new Error('must be name=binding,binding;name=… or none');
    return { name, bindings };
  });
  if (new Set(queues.map(({ name }) => name)).size < queues.length) throw new Error('must name each queue once');
  return queues;
}

export const topologyVariables = {
  namespace: variable({
    name: 'CHAT_NAMESPACE',
    parse: text({ pattern: NAMESPACE, expected: '1 to 32 of A-Z a-z 0-9 _ -' }),
    default: 'chat',
    describe: 'Prefix of the names of all broker objects. Fixed at the first start',
  }),
  partitions: variable({
    name: 'COMMAND_PARTITIONS',
    parse: integer({ min: 1, max: 1024 }),
    default: '8',
    describe: 'Number of partitions; each has one command queue. Fixed at the first start',
  }),
  dispatchQueues: variable({
    name: 'DISPATCH_QUEUES',
    parse: dispatchQueues,
    describe:
      'Dispatch queues and their bindings: name=binding,binding;name=…, or none. If unset: <CHAT_NAMESPACE>.dispatch=#',
  }),
  dispatchMaxBytes: variable({
    name: 'DISPATCH_MAX_BYTES',
    parse: byteSize({ min: 1024 }),
    default: '1GiB',
    describe: 'Maximum size of each dispatch queue. DISPATCH_WHEN_FULL sets what happens above it',
  }),
  dispatchWhenFull: variable({
    name: 'DISPATCH_WHEN_FULL',
    parse: oneOf('refuse', 'drop-oldest'),
    describe:
      'Full dispatch queue: refuse keeps new events in the database until there is room, drop-oldest loses the oldest events of the queue. If unset: refuse, in dev drop-oldest',
  }),
};

export type TopologyValues = Values<typeof topologyVariables>;

export function topologySettings(settings: TopologyValues): TopologySettings {
  const { namespace, partitions, dispatchMaxBytes, dispatchWhenFull = 'refuse' } = settings;
  const dispatchQueues = settings.dispatchQueues ?? [{ name: `${namespace}.dispatch`, bindings: ['#'] }];
  return { namespace, partitions, dispatchQueues, dispatchMaxBytes, dispatchWhenFull };
}

/** The queues in which Parley keeps commands: nothing else may be published to them. */
export function ownQueues({ namespace, partitions }: Pick<TopologyValues, 'namespace' | 'partitions'>): string[] {
  const commandQueues = Array.from({ length: partitions }, (_, index) => names.commandQueue(namespace, index));
  return [names.deadLetters(namespace), ...commandQueues];
}

/** One line for each dispatch queue that has the name of one of Parley's own queues. */
export function faultsOfDispatchQueues(settings: TopologyValues): string[] {
  const { namespace, dispatchQueues = [] } = settings;
  const own = ownQueues(settings);
  return dispatchQueues
    .filter(({ name }) => own.includes(name) || name.startsWith(names.replies(namespace)))
    .map(({ name }) => `DISPATCH_QUEUES names ${name}, which is one of Parley's own queues`);
}
