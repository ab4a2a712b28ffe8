import { onChannel } from '../../../adapters/transports/amqp/topology/declare-topology.js';
import { names } from '../../../contract/messages/topology.js';
import { describeFailure } from '../../../infrastructure/amqp/amqp-failure.js';
import { rethrowAsStartupError, StartupError } from '../../../infrastructure/process/startup-error.js';
import { topologySettings } from '../../settings/topology-settings.js';
import { requireSettings } from '../../settings.js';
import { connectOnce } from '../connect-broker.js';
import { requireBrokerUrl } from '../dead-letters/with-dead-letters.js';

/**
 * `parley topology --unbind`: a dispatch queue gets no more events. By the bindings that `DISPATCH_QUEUES` has for it,
 * or else by `#`, as Parley's own
 * queue is bound where nothing is set.
 */
export async function runUnbind({ queue }: { queue: string }): Promise<void> {
  const settings = requireSettings('command');
  const { namespace, dispatchQueues } = topologySettings(settings);
  const bindings = dispatchQueues.find(({ name }) => name === queue)?.bindings ?? ['#'];
  const exchange = names.events(namespace);
  const broker = await connectOnce(requireBrokerUrl(settings), 'parley topology').catch(rethrowAsStartupError);
  try {
    await onChannel(broker.connection.current(), async (channel) => {
      const { messageCount } = await channel.checkQueue(queue);
      for (const key of bindings) await channel.unbindQueue(queue, exchange, key);
      console.log(
        `removed the bindings of queue ${queue} to ${exchange} by ${bindings.join(', ')}; the queue keeps its ${messageCount} events`,
      );
      console.log(
        'Workers bind it again at their next start, unless DISPATCH_QUEUES omits it (DISPATCH_QUEUES=none declares no queue)',
      );
    });
  } catch (error) {
    throw new StartupError([`queue ${queue} could not be unbound: ${describeFailure(error)}`], { cause: error });
  } finally {
    await broker.connection.stop();
  }
}
