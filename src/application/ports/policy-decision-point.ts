/**
 * The input of a policy decision, from the policy information point. Attributes are gathered where the decision takes
 * effect: for commands from the data by which the batch is committed. `attribute-catalogue.ts` lists the attributes
 * that a rule can name.
 *
 * If a group of attributes is null, it was not gathered or has no subject, and no rule permits by it. A `null` at the
 * end of a path has another meaning: the value is known to be absent, and a rule can test for that (`none`).
 */
import type { CommandType } from '../../contract/messages/commands.js';
import type { ChatKind, Role } from '../../domain/chat.js';
import type { DeleteMode } from '../../domain/message.js';
import type { Claims, UserKind } from '../../domain/user.js';

/**
 * Every command is an action. `chat.view` is reading a chat over REST, `user.view` is reading a profile, and
 * `decision.view` is asking for the reason of a decision. `webhook.view` is reading webhooks and the state of their
 * deliveries, `webhook.operate` is making secrets, pausing and replaying. `key.manage` is making, listing and revoking
 * the API keys of a user.
 */
export type Action =
  | CommandType
  | 'chat.view'
  | 'user.view'
  | 'decision.view'
  | 'webhook.view'
  | 'webhook.operate'
  | 'key.manage';

export interface ActorAttributes {
  tenantId: string;
  userId: string;
  kind: UserKind;
  /** Claims that a service has set about the actor: only those that the policy names. */
  claims: Claims;
  /** Claims of the actor's token: only those that the policy names. Null if no token is required. */
  token: Claims | null;
}

export interface PolicyAttributes {
  action: Action;
  actor: ActorAttributes;
  /** The program that published the command. The broker has checked `userId`. Null for queries. */
  producer: { userId: string | null; appId: string | null } | null;
  chat: { kind: ChatKind; archived: boolean } | null;
  /** The actor's role in the chat. Null if the actor is not a member. */
  role: Role | null;
  /** `member.remove`, `member.update`: the member that the command is about. */
  target: { isActor: boolean; role: Role | null } | null;
  /** `member.add`, `member.update`: the role that the command grants, if any. */
  grantedRole: Role | null;
  /** The message that is edited, deleted or reacted to. `ageMs` is the time since it was sent. */
  message: { isSender: boolean; isDeleted: boolean; ageMs: number; withinEditWindow: boolean } | null;
  /** `message.send`, `message.edit`: properties of the text, never the text itself. */
  text: { length: number; hasLinks: boolean; mentions: number; attachments: number } | null;
  /** `message.delete`: the mode. */
  deleteMode: DeleteMode | null;
  /** `user.upsert`: whether the profile is the actor's own, and whether the command sets the user's kind or claims. */
  profile: { isActor: boolean; setsKind: boolean; setsClaims: boolean } | null;
  /** `user.view`: the user whose profile it is, and whether a search found the user. `key.manage`: whose keys. */
  user: { isActor: boolean; kind: UserKind; isFound: boolean } | null;
  /** `decision.view`: the decision in question. */
  decision: { isActor: boolean } | null;
}

/**
 * Attributes that may be incomplete: recorded before an attribute existed, or given one by one. Unknown ones are
 * undefined.
 */
export type KnownAttributes = Known<Omit<PolicyAttributes, 'action'>> & Pick<PolicyAttributes, 'action'>;
type Known<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]?: Known<T[K]> | undefined } : T;

export type Decision =
  | { effect: 'permit'; rule: string }
  /** `rule` forbids the action; null means that no rule permits it. `detail` is the text of the refusal. */
  | { effect: 'deny'; rule: string | null; detail: string };

/** Pure and synchronous. Without a rule that permits, the answer is deny. */
export interface PolicyDecisionPoint {
  /** The version of the policy: its author's name for it and a digest of its text. */
  readonly version: string;
  /** The profile claims and token claims that rules name. No others become attributes. */
  readonly claims: readonly string[];
  readonly tokenClaims: readonly string[];
  decide(attributes: PolicyAttributes): Decision;
  /** Whether a rule may permit the action to an actor who is not in the chat. */
  permitsOutsiders(action: Action): boolean;
  /** Whether a rule about the action names the attribute or a nested one. */
  asksFor(action: Action, attribute: string): boolean;
}
