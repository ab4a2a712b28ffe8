import { hideCredentials } from '../../infrastructure/logging/hide-credentials.js';

/** Where everything is. */
export interface Addresses {
  host: string;
  restPort: number;
  hasChatPage: boolean;
  opsPort: number;
  /**
   * Private ones are shown whole, with their passwords: they are good on this machine only, and for who may read
   * `dataDir`.
   */
  /** Null: the in-memory store. */
  database: { url: string; isPrivate: boolean; programsCopy: string | undefined } | null;
  /** Null: the in-process transport. */
  broker: { url: string; isPrivate: boolean; managementPort: number | undefined } | null;
  dataDir: string;
}

/** What the first command needs. */
export interface FirstCommand {
  token: string;
  actor: string;
  chatId: string;
}

/** To standard output: where everything is, what is private and how to get the rest, and a first command to paste. */
export function printBanner(addresses: Addresses, first: FirstCommand | null, tookMs: number): void {
  const host = reachable(addresses.host);
  const base = `http://${host}:${addresses.restPort}`;
  const ops = `http://${host}:${addresses.opsPort}`;
  const { database, broker, dataDir } = addresses;
  const lines = [
    `Parley is up (${(tookMs / 1000).toFixed(1)} s).${addresses.hasChatPage ? ` Chat: ${base}/chat, in two tabs, as alice and as bob.` : ''}`,
    '',
    `  REST        ${base}/v1   documents: ${base}/docs`,
    `  Health      ${ops}/readyz   metrics: ${ops}/metrics`,
    database === null
      ? '  Store       in memory: NOTHING IS KEPT. All chats are lost when this process ends (STORE=memory).'
      : `  PostgreSQL  ${whereabouts(database, 'DATABASE_URL', dataDir)}`,
  ];
  if (database?.programsCopy !== undefined)
    lines.push(`              a copy of its programs is in ${database.programsCopy} until it stops`);
  if (database === null) lines.push('  Transport   in process: commands arrive over REST only.');
  else if (broker === null)
    lines.push(
      '  RabbitMQ    none: commands arrive over REST only (in-process transport). To use RabbitMQ, install rabbitmq-server',
      '              (Debian: apt-get install rabbitmq-server) or set AMQP_URL, then start again.',
    );
  else lines.push(`  RabbitMQ    ${whereabouts(broker, 'AMQP_URL', dataDir)}`);
  if (broker?.managementPort !== undefined)
    lines.push(`              management: http://127.0.0.1:${broker.managementPort} (user and password as above)`);
  lines.push(
    '',
    ...(first === null ? ['  Your identity provider signs the tokens (JWT_JWKS_URL).'] : firstCommand(base, first)),
  );
  lines.push('', '  Press Ctrl-C to stop.', '');
  console.log(lines.join('\n'));
}

function whereabouts({ url, isPrivate }: { url: string; isPrivate: boolean }, variable: string, dataDir: string) {
  return isPrivate ? `${url}   (private, kept in ${dataDir})` : `${hideCredentials(url)}   (${variable})`;
}

function firstCommand(base: string, { token, actor, chatId }: FirstCommand): string[] {
  return [
    `  Token for ${actor}, valid for one day:`,
    `    ${token}`,
    '',
    '  Send a first message:',
    `    curl -sS -X POST ${base}/v1/chats/${chatId}/messages \\`,
    `      -H 'Authorization: Bearer ${token}' \\`,
    `      -H 'Content-Type: application/json' -d '{"body":"hello"}'`,
  ];
}

/** Where one listens is not always where one calls. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
