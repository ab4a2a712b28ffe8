import type { DecisionLog } from '../ports/store/decision-log.js';
import type { PolicyDocument } from './policy-document.js';

/** Reads a policy's text. Null if it cannot be read, for example if it was written for another release. */
export type PolicyReader = (source: string) => PolicyDocument | null;

/** A version always has the same text, and few versions are used at a time. */
const DOCUMENTS_REMEMBERED = 8;

/** The policies that decided, by version, if the store has kept them. */
export class PolicyCache {
  private readonly documents = new Map<string, PolicyDocument | null>();

  constructor(
    private readonly log: Pick<DecisionLog, 'findPolicy'>,
    private readonly read: PolicyReader,
  ) {}

  /** Null if its text is missing or cannot be read. Rejects with a `StoreError`. */
  async find(version: string): Promise<PolicyDocument | null> {
    const known = this.documents.get(version);
    if (known !== undefined) return known;
    // A version is stored before its first decision, so a missing text will not appear later.
    const source = await this.log.findPolicy(version);
    const document = source === null ? null : this.read(source);
    const [oldest] = this.documents.keys();
    if (oldest !== undefined && this.documents.size >= DOCUMENTS_REMEMBERED) this.documents.delete(oldest);
    this.documents.set(version, document);
    return document;
  }
}
