/** What the Kafka sink needs of a Kafka library. `KafkajsClient` implements it; another library is another file. */

export interface KafkaRecord {
  /** Records with the same key go to the same Kafka partition. */
  key: string;
  value: Buffer;
  headers: Readonly<Record<string, string>>;
  /** Time of the event, in milliseconds since 1970: the record's `CreateTime`. */
  timestampMs: number;
}

export interface KafkaClient {
  /**
   * Appends the records to the topic, those of one key in their order. Resolves when all replicas in sync have all of
   * them (acks=all). May not overlap with another call that has a key in common.
   *
   * If it rejects, any of the records can be in the topic; of the records for one partition, all or none of one
   * attempt. With `RecordsRefused` the brokers would always refuse them. Any other error means that the cluster is
   * unavailable.
   */
  append(records: readonly KafkaRecord[]): Promise<void>;
  close(): Promise<void>;
}

/** The brokers refuse these records whenever they are sent, for example because they are too large. */
export class RecordsRefused extends Error {
  /** @param code 1 to 64 of a–z, 0–9 and `-` */
  constructor(
    readonly code: string,
    options: ErrorOptions = {},
  ) {
    super(`the broker refuses the records: ${code}`, options);
    this.name = 'RecordsRefused';
  }
}
