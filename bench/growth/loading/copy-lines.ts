import { once } from 'node:events';
import pg from 'pg';
import { type CopyStreamQuery, from } from 'pg-copy-streams';

const CHUNK_CHARACTERS = 128 * 1024;

/** One COPY in progress, on its own connection. */
export class CopyLines {
  private lines: string[] = [];
  private characters = 0;
  private failure: Error | null = null;

  private constructor(
    private readonly client: pg.Client,
    private readonly stream: CopyStreamQuery,
  ) {
    stream.on('error', (error: Error) => {
      this.failure = error;
    });
  }

  static async begin(url: string, table: string, columns: string): Promise<CopyLines> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    return new CopyLines(client, client.query(from(`COPY ${table} (${columns}) FROM STDIN`)));
  }

  /** Returns a promise if the server is behind. */
  take(line: string): Promise<void> | undefined {
    this.lines.push(line);
    this.characters += line.length;
    return this.characters < CHUNK_CHARACTERS ? undefined : this.flush();
  }

  private flush(): Promise<void> | undefined {
    if (this.failure !== null) throw this.failure;
    if (this.lines.length === 0) return undefined;
    const chunk = `${this.lines.join('\n')}\n`;
    this.lines = [];
    this.characters = 0;
    if (this.stream.write(chunk)) return undefined;
    return once(this.stream, 'drain').then(() => undefined);
  }

  /** Commits. */
  async end(): Promise<void> {
    try {
      await this.flush();
      const finished = once(this.stream, 'finish');
      this.stream.end();
      await finished;
      if (this.failure !== null) throw this.failure;
    } finally {
      await this.client.end();
    }
  }

  /** Rolls back. */
  async abandon(): Promise<void> {
    this.stream.destroy();
    await this.client.end().catch(() => undefined);
  }
}
