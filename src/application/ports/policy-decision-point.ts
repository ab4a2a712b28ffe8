/**
 * What a decision is asked with: the policy information point's output. Gathered where the answer takes effect; for commands those by
 * which the batch is committed. `attribute-catalogue.ts` lists what of it a rule can name.
 *
 * Where a group of attributes is null, they were not gathered, or there is nothing they could be about: no rule permits by them. `null` at the end of
 * a path is something else: it is known that there is none, and a rule can ask for that in so many words (`none`).
 */
import type { CommandType } from '../../contract/messages/commands.js';
import type { ChatKind, Role } from '../../domain/chat.js';
import type { DeleteMode } from '../../domain/message.js';
import type { Claims, UserKind } from '../../domain/user.js';

/** Every command is an action of its own; reading a chat over REST is `chat.view`, asking why something was decided is `decision.view`. */
export type Action = CommandType | 'chat.view' | 'decision.view';

export interface ActorAttributes {
  tenantId: string;
  userId: string;
  kind: UserKind;
  /** What a service has set about the actor: as many of them as the policy names. */
  claims: Claims;
  /** What the actor's token says: as much of it as the policy names. Null where no token was asked for. */
  token: Claims | null;
}

export interface PolicyAttributes {
  action: Action;
  actor: ActorAttributes;
  /** The program that published the command; `userId` was checked by the broker. Null for queries. */
  producer: { userId: string | null; appId: string | null } | null;
  chat: { kind: ChatKind; archived: boolean } | null;
  /** The actor's role in the chat; null: not a member. */
  role: Role | null;
  /** `member.remove`, `member.update`: whom it is about. */
  target: { isActor: boolean; role: Role | null } | null;
  /** `member.add`, `member.update`: the role that is given, if one is. */
  grantedRole: Role | null;
  /** The message that is edited, deleted or reacted to; `ageMs`: since it was sent. */
  message: { isSender: boolean; isDeleted: boolean; ageMs: number; withinEditWindow: boolean } | null;
  /** `message.send`, `message.edit`: what is to be said. Never the text itself. */
  text: { length: number; hasLinks: boolean; mentions: number; attachments: number } | null;
  /** `message.delete`: how. */
  deleteMode: DeleteMode | null;
  /** `user.upsert`: whose profile, and whether it says what kind of user this is, or what services know of them. */
  profile: { isActor: boolean; setsKind: boolean; setsClaims: boolean } | null;
  /** `decision.view`: the decision that is asked about. */
  decision: { isActor: boolean } | null;
}

/** Attributes of which some may be unknown, because they were recorded before there were others, or are given one by one: those are undefined. */
export type KnownAttributes = Known<Omit<PolicyAttributes, 'action'>> & Pick<PolicyAttributes, 'action'>;
type Known<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]?: Known<T[K]> | undefined } : T;

export type Decision =
  | { effect: 'permit'; rule: string }
  /** `rule` forbids it, or, where it is null, none permits it. `detail`: what the refusal says. */
  | { effect: 'deny'; rule: string | null; detail: string };

/** Pure and synchronous. No rule that permits means no. */
export interface PolicyDecisionPoint {
  /** Which policy this is: what its author calls it, and a digest of its text. */
  readonly version: string;
  /** The claims, and what of a token, that rules name: no others become attributes. */
  readonly claims: readonly string[];
  readonly tokenClaims: readonly string[];
  decide(attributes: PolicyAttributes): Decision;
  /** Whether a rule may permit the action to one who is not in the chat. */
  permitsOutsiders(action: Action): boolean;
  /** Whether a rule about the action names the attribute, or one beneath it. */
  asksFor(action: Action, attribute: string): boolean;
}
