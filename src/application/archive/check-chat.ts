import type { ArchiveLine, ArchiveLineOf } from '../../contract/archive/lines.js';
import { directChatId } from '../../contract/messages/direct-chat-id.js';
import type { ChatCounts } from '../ports/store/archive.js';

/** The sequence of the earlier message that an event is about. */
function messageSequenceOf({ payload }: ArchiveLineOf<'event'>): number | null {
  return payload && 'messageSequence' in payload ? payload.messageSequence : null;
}

/** Checks that the lines of one chat are consistent: sequences without gaps, nothing past the end, nothing missing. */
export class ChatCheck {
  private lines = 0;
  private sequence = 0;
  private ordinal = 0;
  /** The event was a `message.created`, so its message must come next. */
  private awaitsMessage = false;
  private memberCount = 0;
  private ownerCount = 0;
  /** For a direct chat. Only the first two are read. */
  private readonly firstMembers: string[] = [];

  constructor(
    private readonly tenantId: string,
    private readonly chat: ArchiveLineOf<'chat'>,
  ) {}

  get counts(): ChatCounts {
    const { ordinal: lastOrdinal, memberCount, ownerCount } = this;
    return { lastOrdinal, memberCount, ownerCount };
  }

  /** Why the next line is invalid here. Null if it is valid. After a fault the check cannot continue. */
  fault(line: Exclude<ArchiveLine, { kind: 'header' | 'chat' }>): string | null {
    if (line.kind !== 'user' && line.chatId !== this.chat.chatId) return `${line.kind} of another chat`;
    if (this.awaitsMessage && line.kind !== 'message' && line.kind !== 'removed')
      return `${line.kind}, where the message of event ${this.sequence} is expected`;
    if (line.kind === 'end') return this.faultAtEnd(line);
    this.lines += 1;
    switch (line.kind) {
      case 'user':
        return null;
      case 'event':
        return this.faultOfEvent(line);
      case 'message':
      case 'removed':
        return this.faultOfMessage(line);
      case 'revision':
      case 'reaction':
        return line.sequence > this.sequence ? `${line.kind} before its message` : null;
      case 'member':
        return this.faultOfMember(line);
    }
  }

  private faultOfEvent(line: ArchiveLineOf<'event'>): string | null {
    const { lastSequence } = this.chat;
    if (line.sequence !== this.sequence + 1) return `event ${this.sequence + 1} is expected, not ${line.sequence}`;
    if (line.sequence > lastSequence) return `event ${line.sequence} of a chat that has ${lastSequence}`;
    const messageSequence = messageSequenceOf(line);
    if (messageSequence !== null && messageSequence >= line.sequence) return `${line.type} before its message`;
    this.sequence = line.sequence;
    this.awaitsMessage = line.type === 'message.created';
    return null;
  }

  private faultOfMessage(line: ArchiveLineOf<'message' | 'removed'>): string | null {
    if (!this.awaitsMessage) return `${line.kind} without an event message.created before it`;
    if (line.sequence !== this.sequence) return `message ${this.sequence} is expected, not ${line.sequence}`;
    if (line.ordinal !== this.ordinal + 1) return `ordinal ${this.ordinal + 1} is expected, not ${line.ordinal}`;
    if (line.kind === 'message' && (line.body === null) !== (line.deletedAt !== null))
      return 'a message has a body or has been deleted, one of the two';
    this.ordinal = line.ordinal;
    this.awaitsMessage = false;
    return null;
  }

  private faultOfMember(line: ArchiveLineOf<'member'>): string | null {
    const { sequence, ordinal } = this;
    if (sequence < this.chat.lastSequence) return `member, where event ${sequence + 1} is expected`;
    if (line.joinedSequence > sequence || line.readSequence > sequence || line.readOrdinal > ordinal)
      return `${line.userId} has joined or read beyond the end of the chat`;
    if ((line.deliveredSequence ?? 0) > sequence) return `${line.userId} has got events beyond the end of the chat`;
    // Later messages would show the chat again.
    if ((line.hiddenOrdinal ?? 0) > ordinal) return `${line.userId} has hidden the chat beyond its end`;
    this.memberCount += 1;
    if (line.role === 'owner') this.ownerCount += 1;
    if (this.firstMembers.length < 2) this.firstMembers.push(line.userId);
    return null;
  }

  private faultAtEnd(line: ArchiveLineOf<'end'>): string | null {
    const { chatId, chatKind, lastSequence, historySequence } = this.chat;
    if (line.lines !== this.lines) return `${line.lines} lines are expected since the chat's own, not ${this.lines}`;
    if (this.sequence !== lastSequence) return `the chat has ${lastSequence} events, not ${this.sequence}`;
    if (historySequence > lastSequence) return 'historySequence is beyond the end of the chat';
    if (this.memberCount === 0 && chatKind === 'direct') return 'a direct chat without members';
    if (chatKind === 'direct' && !this.isDirectChatOfItsMembers(chatId))
      return 'the id of a direct chat is computed from its tenant and two members';
    return null;
  }

  private isDirectChatOfItsMembers(chatId: string): boolean {
    const [one, other = one] = this.firstMembers;
    if (one === undefined || other === undefined || this.memberCount > 2) return false;
    return directChatId(this.tenantId, one, other) === chatId;
  }
}
