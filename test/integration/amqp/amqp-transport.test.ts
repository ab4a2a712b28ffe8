import { transportConformance } from '../../conformance/transport/transport-conformance.js';
import { amqpHarness } from './amqp-harness.js';

describe('the transport on RabbitMQ', () => {
  transportConformance(amqpHarness);
});
