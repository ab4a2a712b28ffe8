import { violationText } from '../contract/messages/violation-text.js';
import { operationOf, pathSchemaOf } from '../contract/rest/operations.js';
import type {
  RestAnswer,
  RestArguments,
  RestItem,
  RestPagedName,
  RestParameters,
  RestReadName,
} from '../contract/rest/reads.js';
import { problemOf } from './rest-problem.js';

export const REST_TIMEOUT_MS = 10_000;

export interface ReaderOptions {
  /** The REST address without `/v1`, for example `https://chat.example`. */
  url: string;
  /** The caller's bearer token, or a function that returns it. The function is called for each request. */
  token: string | (() => string | Promise<string>);
  /** Timeout of a response. Default 10,000 ms. */
  timeoutMs?: number;
}

type Parameters = Record<string, unknown>;
interface Page {
  items: unknown[];
  nextCursor?: string | null;
  next?: string;
  hasMore?: boolean;
}

/**
 * Reads over REST as one caller. Every query of the contract is available by its name in the OpenAPI document
 * (`operationId`).
 *
 * A response that is not a success rejects with `RestProblem`. Errors of `fetch`, including `TimeoutError`, pass
 * through. Nothing is retried.
 */
export class RestReader {
  constructor(private readonly options: ReaderOptions) {}

  /** One response. `get('getChat', { chatId })`, `get('listMessages', { chatId, after: 41, limit: 200 })` */
  get<O extends RestReadName>(name: O, ...[parameters]: RestArguments<O>): Promise<RestAnswer<O>> {
    return this.#fetch(name, (parameters ?? {}) as Parameters) as Promise<RestAnswer<O>>;
  }

  /**
   * All pages, one after another. Pages by sequence go forwards with `after`, backwards with `before`, and backwards
   * from the latest message without either. Each page is in ascending sequence. Pages of `sync` end when there is no
   * more for now: continue later with the last one's `next`.
   */
  async *pages<O extends RestPagedName>(name: O, ...[given]: RestArguments<O>): AsyncGenerator<RestAnswer<O>, void> {
    let parameters: Parameters | null = (given ?? {}) as Parameters;
    while (parameters !== null) {
      const page: Page = (await this.#fetch(name, parameters)) as unknown as Page;
      yield page as unknown as RestAnswer<O>;
      parameters = nextPage(name, parameters, page);
    }
  }

  /** The items of all pages, in the direction of the pages: backwards, the latest comes first. */
  async *each<O extends RestPagedName>(name: O, ...[given]: RestArguments<O>): AsyncGenerator<RestItem<O>, void> {
    const parameters = (given ?? {}) as RestParameters<O>;
    const isBackwards = goesBackwards(name, parameters as Parameters);
    for await (const page of this.pages(name, ...([parameters] as unknown as RestArguments<O>))) {
      const { items } = page as { items: RestItem<O>[] };
      yield* isBackwards ? items.toReversed() : items;
    }
  }

  async #fetch(name: RestReadName, parameters: Parameters): Promise<unknown> {
    const { token, timeoutMs = REST_TIMEOUT_MS } = this.options;
    const response = await fetch(this.#address(name, parameters), {
      headers: { authorization: `Bearer ${typeof token === 'string' ? token : await token()}` },
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!response.ok) throw await problemOf(response);
    return response.json();
  }

  /** Throws `TypeError` for a path parameter with an invalid format: in a path it might name another resource. */
  #address(name: RestReadName, parameters: Parameters): string {
    const inPath = pathSchemaOf(name).safeParse(parameters, { error: violationText });
    if (!inPath.success) {
      const [issue] = inPath.error.issues;
      throw new TypeError(`${name}: ${issue?.path.join('.')} ${issue?.message}`);
    }
    const path = operationOf(name).path.replaceAll(/\{(\w+)\}/g, (_, parameter: string) =>
      encodeURIComponent(String(inPath.data[parameter])),
    );
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(parameters))
      if (value !== undefined && !(key in inPath.data))
        query.set(key, value instanceof Date ? value.toISOString() : String(value));
    const address = `${this.options.url.replace(/\/+$/, '')}${path}`;
    return query.size === 0 ? address : `${address}?${query}`;
  }
}

/**
 * Pages by sequence can go either way. Without a position the latest messages come first, so the next page is before
 * them.
 */
function goesBackwards(name: RestReadName, { after }: Parameters): boolean {
  return after === undefined && Object.hasOwn(operationOf(name).query?.shape ?? {}, 'before');
}

/** The parameters of the next page. Null after the last one. */
function nextPage(name: RestReadName, parameters: Parameters, page: Page): Parameters | null {
  if (page.nextCursor !== undefined)
    return page.nextCursor === null ? null : { ...parameters, cursor: page.nextCursor };
  if (page.hasMore !== true) return null;
  if (page.next !== undefined) return { ...parameters, since: page.next };
  const isBackwards = goesBackwards(name, parameters);
  const edge = (isBackwards ? page.items[0] : page.items.at(-1)) as { sequence: number | string } | undefined;
  if (edge === undefined) return null;
  return { ...parameters, [isBackwards ? 'before' : 'after']: Number(edge.sequence) };
}
