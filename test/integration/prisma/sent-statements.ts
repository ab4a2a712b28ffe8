import { SafePgClient } from '../../../src/infrastructure/postgres/safe-pg-client.js';

export interface SentStatement {
  text: string;
  values: unknown[];
}

const OF_TRANSACTIONS = /^(BEGIN|COMMIT|ROLLBACK|SET TRANSACTION)\b/;

/**
 * The statements that the store's connections send during some work, whether they were written by hand or by Prisma.
 * One at a time: the connections of all stores are listened to.
 */
export async function sentDuring(work: () => Promise<unknown>): Promise<SentStatement[]> {
  const sent: SentStatement[] = [];
  const prototype = SafePgClient.prototype as unknown as { query: (...given: unknown[]) => unknown };
  const { query } = prototype;
  prototype.query = function (this: unknown, ...given) {
    const { text, values } = given[0] as SentStatement;
    if (!OF_TRANSACTIONS.test(text)) sent.push({ text, values: [...values] });
    return query.apply(this, given);
  };
  try {
    await work();
  } finally {
    Reflect.deleteProperty(prototype, 'query');
  }
  return sent;
}
