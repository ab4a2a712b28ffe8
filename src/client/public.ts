/** The public API of `@parley-chat/client`. */
export { type CommandInput, type CommandOptions, InvalidCommand } from './command-message.js';
export { CommandProducer } from './command-producer.js';
export { type ConsumerOptions, DispatchConsumer, type Gap } from './dispatch-consumer.js';
export { type LastSequences, RememberedSequences } from './last-sequences.js';
export { NoReceipt, type ProducerOptions, type SendOptions } from './producer-options.js';
export { RestProblem } from './rest-problem.js';
export { type ReaderOptions, RestReader } from './rest-reader.js';
