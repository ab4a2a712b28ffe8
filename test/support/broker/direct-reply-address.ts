/** Direct reply-to addresses in RabbitMQ's format, for any node and process. */

/** Erlang's external term format: version, new process id, atom. */
const PREFIX = [131, 88, 118];
const KEY = 'o9nqCGI16/XxNiwkjRZGfg==';

export interface ReplyProcess {
  /** `reply@<hash of the node's name>` */
  node: string;
  id?: number;
  serial?: number;
}

export function directReplyAddress({ node, id = 7, serial = 0 }: ReplyProcess): string {
  const numbers = Buffer.alloc(12);
  numbers.writeUInt32BE(id, 0);
  numbers.writeUInt32BE(serial, 4);
  numbers.writeUInt32BE(1, 8);
  const pid = Buffer.concat([Buffer.from([...PREFIX, 0, node.length]), Buffer.from(node), numbers]);
  return `amq.rabbitmq.reply-to.${pid.toString('base64')}.${KEY}`;
}

let lastNode = 0;

/** An address of a node that does not exist. RabbitMQ 3.10 closes the connection that publishes to it, with 541. */
export function addressOfNobody(): string {
  lastNode += 1;
  return directReplyAddress({ node: `reply@${lastNode}` });
}
