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
  /** Of the REST side, without `/v1`, for instance `https://chat.example`. */
  url: string;
  /** The caller's bearer token, or how to come by it: it is asked for at each call. */
  token: string | (() => string | Promise<string>);
  /** How long an answer may take; default 10,000 ms. */
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
 * Reads over REST as one caller. Every query of the contract is there by its name in the OpenAPI document (`operationId`).
 *
 * An answer that is no success rejects with `RestProblem`; what `fetch` rejects with, a `TimeoutError` included, passes through. Nothing is
 * tried again by itself.
 */
export class RestReader {
  constructor(private readonly options: ReaderOptions) {}

  /** One answer. `get('getChat', { chatId })`, `get('listMessages', { chatId, after: 41, limit: 200 })` */
  get<O extends RestReadName>(name: O, ...[parameters]: RestArguments<O>): Promise<RestAnswer<O>> {
    return this.#fetch(name, (parameters ?? {}) as Parameters) as Promise<RestAnswer<O>>;
  }

  /**
   * One page after the other, to the last. Pages by sequence go the way that was asked for: forwards with `after`, backwards with `before`, and from
   * the latest backwards where messages are asked for without either; each page is in ascending sequence. Those of `sync` end when there is no more for
   * now: the last one's `next` is where to go on later.
   */
  async *pages<O extends RestPagedName>(name: O, ...[given]: RestArguments<O>): AsyncGenerator<RestAnswer<O>, void> {
    let parameters: Parameters | null = (given ?? {}) as Parameters;
    while (parameters !== null) {
      const page: Page = (await this.#fetch(name, parameters)) as unknown as Page;
      yield page as unknown as RestAnswer<O>;
      parameters = nextPage(name, parameters, page);
    }
  }

  /** The items of all pages, in the direction of the pages: going backwards the latest comes first. */
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

  /** Throws `TypeError` for a path parameter that cannot name anything: it might name something else in a path. */
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

/** Pages by sequence can be asked for either way; without a place the latest ones come, and what is further lies before them. */
function goesBackwards(name: RestReadName, { after }: Parameters): boolean {
  return after === undefined && Object.hasOwn(operationOf(name).query?.shape ?? {}, 'before');
}

/** What to ask for the page after this one; null after the last. */
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
