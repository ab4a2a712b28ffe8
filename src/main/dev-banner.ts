import { hideCredentials } from '../infrastructure/hide-credentials.js';

export interface Banner {
  host: string;
  restPort: number;
  opsPort: number;
  databaseUrl: string;
  /** Undefined: the in-process transport. */
  amqpUrl: string | undefined;
  dataDir: string;
  postgresIsEmbedded: boolean;
  rabbitmqIsEmbedded: boolean;
  /** Null where tokens are signed elsewhere (JWT_JWKS_URL). */
  token: string | null;
  actor: string;
  chatId: string;
  tookMs: number;
}

/** To standard output: where everything is, what is private and how to get the rest, and a first command to paste. */
export function printBanner(banner: Banner): void {
  const { host, restPort, opsPort, databaseUrl, amqpUrl, dataDir, token, actor, chatId, tookMs } = banner;
  const base = `http://${host}:${restPort}`;
  const whose = (isEmbedded: boolean, variable: string) => (isEmbedded ? `private, kept in ${dataDir}` : variable);
  const lines = [
    `Parley is up (${(tookMs / 1000).toFixed(1)} s).`,
    '',
    `  REST        ${base}/v1   documents: ${base}/docs`,
    `  Health      http://${host}:${opsPort}/readyz   metrics: http://${host}:${opsPort}/metrics`,
    `  PostgreSQL  ${banner.postgresIsEmbedded ? databaseUrl : hideCredentials(databaseUrl)}   (${whose(banner.postgresIsEmbedded, 'DATABASE_URL')})`,
    amqpUrl === undefined
      ? '  RabbitMQ    none: commands come in by REST only, over the in-process transport. To get it: install rabbitmq-server\n' +
        '              (Debian: apt-get install rabbitmq-server), or set AMQP_URL; then start again.'
      : `  RabbitMQ    ${banner.rabbitmqIsEmbedded ? amqpUrl : hideCredentials(amqpUrl)}   (${whose(banner.rabbitmqIsEmbedded, 'AMQP_URL')})`,
    '',
  ];
  if (token === null) lines.push('  Tokens are signed elsewhere (JWT_JWKS_URL).');
  else
    lines.push(
      `  A token for ${actor}, good for a day:`,
      `    ${token}`,
      '',
      '  A first message:',
      `    curl -sS -X POST ${base}/v1/chats/${chatId}/messages \\`,
      `      -H 'Authorization: Bearer ${token}' \\`,
      `      -H 'Content-Type: application/json' -d '{"body":"hello"}'`,
    );
  lines.push('', '  Ctrl-C stops it.', '');
  console.log(lines.join('\n'));
}
