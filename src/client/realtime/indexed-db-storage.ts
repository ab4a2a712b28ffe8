import type { ChatRecord, MessageRecord } from './chat-records.js';
import type { ChatStorage, MessageRange, StorageWrite, StoredChats } from './chat-storage.js';
import type { FeedOwner } from './feed.js';

/** The part of IndexedDB that is used, so that programs without the types of the DOM compile. */
export interface IndexedDb {
  open(name: string, version: number): OpenRequest;
  deleteDatabase(name: string): Request<unknown>;
}
interface Request<T> {
  result: T;
  error: unknown;
  onsuccess: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
}
interface OpenRequest extends Request<Database> {
  onupgradeneeded: ((event: never) => void) | null;
}
interface Database {
  createObjectStore(name: string, options?: { keyPath?: string | string[] }): ObjectStore;
  transaction(names: string[], mode: 'readonly' | 'readwrite'): Transaction;
  close(): void;
  onversionchange: ((event: never) => void) | null;
}
interface Transaction {
  objectStore(name: string): ObjectStore;
  abort(): void;
  error: unknown;
  oncomplete: ((event: never) => void) | null;
  onabort: ((event: never) => void) | null;
}
interface Readable {
  get(key: unknown): Request<unknown>;
  getAll(range?: unknown, count?: number): Request<unknown[]>;
  count(range: unknown): Request<number>;
  openCursor(range: unknown, direction: 'prev'): Request<Cursor | null>;
}
interface ObjectStore extends Readable {
  put(value: unknown, key?: unknown): Request<unknown>;
  delete(key: unknown): Request<unknown>;
  clear(): Request<unknown>;
  createIndex(name: string, keyPath: string[]): unknown;
  index(name: string): Readable;
}
interface Cursor {
  value: unknown;
  continue(): void;
}
interface KeyRange {
  bound(lower: unknown, upper: unknown, lowerOpen?: boolean, upperOpen?: boolean): unknown;
}

/** The version of the tables, not of the data. */
const TABLES_VERSION = 1;
const TABLES = ['meta', 'chats', 'messages'];
const META_KEY = 'meta';

interface Meta {
  owner: FeedOwner | null;
  resumeToken: string | null;
  /** Counts the commits, to notice those of another client. */
  commits: number;
}

const NO_META: Meta = { owner: null, resumeToken: null, commits: 0 };

/**
 * Records in IndexedDB, so that they survive a reload. Use one name per user, and one connected client per name: a
 * second one is noticed, and both load again at each change of the other.
 */
export class IndexedDbStorage implements ChatStorage {
  #database: Promise<Database> | null = null;
  #commits = 0;
  readonly #factory: IndexedDb;
  readonly #keys: KeyRange;

  /** Default: the platform's. Throws `TypeError` if it has none. */
  constructor(
    private readonly name: string,
    platform: { indexedDB?: unknown; IDBKeyRange?: unknown } = globalThis as object,
  ) {
    const { indexedDB, IDBKeyRange } = platform;
    if (indexedDB === undefined || IDBKeyRange === undefined) throw new TypeError('this platform has no IndexedDB');
    this.#factory = indexedDB as IndexedDb;
    this.#keys = IDBKeyRange as KeyRange;
  }

  async load(): Promise<StoredChats> {
    return this.#run('readonly', async (tables) => {
      const [meta = NO_META, chats] = await Promise.all([
        answer(tables('meta').get(META_KEY)) as Promise<Meta | undefined>,
        answer(tables('chats').getAll()) as Promise<ChatRecord[]>,
      ]);
      this.#commits = meta.commits;
      return { owner: meta.owner, resumeToken: meta.resumeToken, chats };
    });
  }

  async commit({ clear, drop, chats, messages, owner, resumeToken }: StorageWrite): Promise<void> {
    const commits = this.#commits + 1;
    await this.#run('readwrite', async (tables) => {
      const meta = ((await answer(tables('meta').get(META_KEY))) as Meta | undefined) ?? NO_META;
      if (meta.commits !== this.#commits) throw new Error('another client has changed the database');
      if (clear) for (const table of ['chats', 'messages']) tables(table).clear();
      for (const chatId of drop) {
        tables('chats').delete(chatId);
        tables('messages').delete(this.#range(chatId, {}));
      }
      for (const chat of chats) tables('chats').put(chat);
      for (const message of messages) tables('messages').put(message);
      tables('meta').put({ owner, resumeToken, commits } satisfies Meta, META_KEY);
    });
    this.#commits = commits;
  }

  message(chatId: string, sequence: number): Promise<MessageRecord | undefined> {
    return this.#read((messages) => messages.get([chatId, sequence])) as Promise<MessageRecord | undefined>;
  }

  messageById(chatId: string, messageId: string): Promise<MessageRecord | undefined> {
    return this.#read((messages) => messages.index('id').get([chatId, messageId])) as Promise<
      MessageRecord | undefined
    >;
  }

  messages(chatId: string, range: MessageRange, limit: number, fromStart: boolean): Promise<MessageRecord[]> {
    const keys = this.#range(chatId, range);
    if (fromStart) return this.#read((messages) => messages.getAll(keys, limit)) as Promise<MessageRecord[]>;
    return this.#run('readonly', async (tables) => {
      const found: MessageRecord[] = [];
      const request = tables('messages').openCursor(keys, 'prev');
      await new Promise<void>((resolve, reject) => {
        request.onerror = () => reject(request.error);
        request.onsuccess = () => {
          const cursor = request.result;
          if (cursor === null || found.length >= limit) resolve();
          else {
            found.push(cursor.value as MessageRecord);
            cursor.continue();
          }
        };
      });
      return found.reverse();
    });
  }

  countMessages(chatId: string, range: MessageRange): Promise<number> {
    return this.#read((messages) => messages.count(this.#range(chatId, range))) as Promise<number>;
  }

  close(): void {
    void this.#database?.then((database) => database.close()).catch(() => undefined); // It was not opened.
    this.#database = null;
  }

  #range(chatId: string, { after = 0, before = Number.MAX_SAFE_INTEGER }: MessageRange): unknown {
    // An empty range is an error there.
    return this.#keys.bound([chatId, after], [chatId, Math.max(before, after + 1)], true, true);
  }

  #read(request: (messages: ObjectStore) => Request<unknown>): Promise<unknown> {
    return this.#run('readonly', (tables) => answer(request(tables('messages'))));
  }

  /** One transaction. Rejects with the first error, and then nothing of it is written. */
  async #run<T>(
    mode: 'readonly' | 'readwrite',
    work: (tables: (name: string) => ObjectStore) => Promise<T>,
  ): Promise<T> {
    this.#database ??= this.#open();
    const database = await this.#database.catch((error: unknown) => {
      this.#database = null;
      throw error;
    });
    const transaction = database.transaction(TABLES, mode);
    const ended = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error('the transaction was aborted'));
    });
    try {
      const result = await work((name) => transaction.objectStore(name));
      await ended;
      return result;
    } catch (error) {
      await abort(transaction, ended);
      throw error;
    }
  }

  #open(): Promise<Database> {
    const request = this.#factory.open(this.name, TABLES_VERSION);
    request.onupgradeneeded = () => {
      const database = request.result;
      database.createObjectStore('meta');
      database.createObjectStore('chats', { keyPath: 'chatId' });
      database
        .createObjectStore('messages', { keyPath: ['chatId', 'sequence'] })
        .createIndex('id', ['chatId', 'messageId']);
    };
    return answer(request).then((database) => {
      // Another page deletes the database, or has a later version of it.
      database.onversionchange = () => this.close();
      return database;
    });
  }
}

function answer<T>(request: Request<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function abort(transaction: Transaction, ended: Promise<void>): Promise<void> {
  try {
    transaction.abort();
  } catch {
    // It has ended already.
  }
  await ended.catch(() => undefined); // The cause is thrown.
}
