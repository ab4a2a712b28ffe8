const SERVICES = ['postgres', 'rabbitmq'] as const;

/** Settings that differ from those of `npm start`, by service. Those of RabbitMQ are lines of rabbitmq.conf. */
export type ServiceSettings = Record<(typeof SERVICES)[number], Record<string, string>>;

/** Parses `SERVICE.NAME=VALUE …`, separated by blanks. Throws an error of one line for other forms. */
export function serviceSettings(given: string): ServiceSettings {
  const settings: ServiceSettings = { postgres: {}, rabbitmq: {} };
  for (const text of given.split(' ').filter((part) => part !== '')) {
    const [, service, name, value] = /^(\w+)\.([a-z_.]+)=(.+)$/.exec(text) ?? [];
    const known = SERVICES.find((one) => one === service);
    if (known === undefined || name === undefined || value === undefined)
      throw new Error(`--vary wants postgres.NAME=VALUE or rabbitmq.NAME=VALUE, not ${text}`);
    settings[known][name] = value;
  }
  return settings;
}
