import type { DecisionLog } from '../ports/decision-log.js';
import type { PolicyDocument } from './policy-document.js';

/** From a policy's text to a document; null: it cannot be read, as one that was written for another release. */
export type PolicyReader = (source: string) => PolicyDocument | null;

/** A version names one text for ever; few of them are asked about at a time. */
const DOCUMENTS_REMEMBERED = 8;

/** The policies that decided, by version, as far as the store has kept them. */
export class PolicyCache {
  private readonly documents = new Map<string, PolicyDocument | null>();

  constructor(
    private readonly log: Pick<DecisionLog, 'findPolicy'>,
    private readonly read: PolicyReader,
  ) {}

  /** Null: its text is not there, or cannot be read. Rejects with a `StoreError`. */
  async find(version: string): Promise<PolicyDocument | null> {
    const known = this.documents.get(version);
    if (known !== undefined) return known;
    // A version is kept before anything is decided by it: a text that is not there will not come.
    const source = await this.log.findPolicy(version);
    const document = source === null ? null : this.read(source);
    const [oldest] = this.documents.keys();
    if (oldest !== undefined && this.documents.size >= DOCUMENTS_REMEMBERED) this.documents.delete(oldest);
    this.documents.set(version, document);
    return document;
  }
}
