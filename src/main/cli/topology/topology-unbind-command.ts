import { AmqpBrokerTopology } from '../../../adapters/transports/amqp/topology/amqp-broker-topology.js';
import { names } from '../../../contract/messages/topology.js';
import { describeFailure } from '../../../infrastructure/amqp/amqp-failure.js';
import { rethrowAsStartupError, StartupError } from '../../../infrastructure/process/startup-error.js';
import { topologySettings } from '../../settings/topology-settings.js';
import { requireSettings } from '../../settings.js';
import { connectOnce, requireBrokerUrl } from '../connect-broker.js';

/**
 * `parley topology --unbind`: a dispatch queue gets no more events. Removes the bindings that `DISPATCH_QUEUES` has for
 * it, else the binding `#`, which Parley's own queue has by default.
 */
export async function runUnbind({ queue }: { queue: string }): Promise<void> {
  const settings = requireSettings('command');
  const topology = topologySettings(settings);
  const bindings = topology.dispatchQueues.find(({ name }) => name === queue)?.bindings ?? ['#'];
  const { connection } = await connectOnce(requireBrokerUrl(settings), 'parley topology').catch(rethrowAsStartupError);
  try {
    const kept = await new AmqpBrokerTopology(connection, topology).unbind(queue, bindings);
    console.log(
      `removed the bindings of queue ${queue} to ${names.events(topology.namespace)} by ${bindings.join(', ')}; the queue keeps its ${kept} events`,
    );
    console.log(
      'Workers bind it again at their next start, unless DISPATCH_QUEUES omits it (DISPATCH_QUEUES=none declares no queue)',
    );
  } catch (error) {
    throw new StartupError([`queue ${queue} could not be unbound: ${describeFailure(error)}`], { cause: error });
  } finally {
    await connection.stop();
  }
}
