/** The domain of the private node, and the domain of its rooms. */
export const DOMAIN = 'localhost';
export const ROOMS_DOMAIN = `conference.${DOMAIN}`;

/** The default of ejabberd. Four times as many connections were slower: see README.md. */
const SQL_CONNECTIONS = 10;
/** The default is a hundred. */
const ROOMS_PER_USER_MAX = 100_000;

/**
 * The configuration file: no TLS, no shapers, no contact lists, no offline store, so that nothing slows down the
 * measured path. Quoted as JSON, which is valid YAML.
 */
export function configuration(port: number, databaseUrl: string): string {
  const database = new URL(databaseUrl);
  const text = (value: string) => JSON.stringify(decodeURIComponent(value));
  return `hosts: [${DOMAIN}]
loglevel: warning
oom_killer: false
auth_method: sql
auth_password_format: plain
default_db: sql
sql_type: pgsql
sql_server: ${text(database.hostname)}
sql_port: ${database.port}
sql_database: ${text(database.pathname.slice(1))}
sql_username: ${text(database.username)}
sql_password: ${text(database.password)}
sql_pool_size: ${SQL_CONNECTIONS}
listen:
  - port: ${port}
    ip: 127.0.0.1
    module: ejabberd_c2s
    starttls: false
    shaper: none
    access: all
modules:
  mod_mam:
    db_type: sql
    default: always
  mod_muc:
    host: ${ROOMS_DOMAIN}
    db_type: sql
    access: all
    access_create: all
    max_user_conferences: ${ROOMS_PER_USER_MAX}
    default_room_options:
      mam: true
`;
}

/**
 * Options of Erlang. A node without a name needs no port mapper and opens no port for other nodes. Idle scheduler
 * threads do not spin, as with RabbitMQ here, so that PostgreSQL gets the processor.
 */
export function erlangArguments(folder: string): string[] {
  return [
    ...['+K', 'true', '+P', '250000', '+sbwt', 'none', '+sbwtdcpu', 'none', '+sbwtdio', 'none'],
    ...['-noinput', '-mnesia', 'dir', JSON.stringify(folder), '-s', 'ejabberd'],
  ];
}
