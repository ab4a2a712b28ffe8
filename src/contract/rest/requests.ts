/**
 * Query parameters and request bodies of REST. A body is a command's data without the fields that the path contains.
 */
import { z } from 'zod';
import {
  chatCreateData,
  chatDeliveredData,
  chatKind,
  chatReadData,
  chatUpdateData,
  deleteMode,
  memberAddData,
  memberUpdateData,
  messageEditData,
  messageSendData,
  userUpsertFields,
} from '../messages/commands.js';
import { chatId, userId } from '../messages/identifiers.js';
import { name, text, time } from '../messages/text.js';

export const PAGE_LIMIT_MAX = 200;
export const PAGE_LIMIT_DEFAULT = 50;
export const CURSOR_MAX_CHARACTERS = 1024;

/**
 * Maximum JSON bytes of the items of a page. A page ends before it exceeds this and says that there is more. A single
 * larger item is still returned.
 */
export const PAGE_MAX_BYTES = 1024 * 1024;

// Query parameters arrive as strings; `meta` describes the values that they stand for.
function limitOf(maximum: number, standard: number) {
  const message = `must be a whole number from 1 to ${maximum}`;
  return z
    .string()
    .regex(/^[0-9]{1,3}$/, message)
    .transform(Number)
    .refine((value) => value >= 1 && value <= maximum, message)
    .optional()
    .transform((value) => value ?? standard)
    .meta({
      type: 'integer',
      minimum: 1,
      maximum,
      default: standard,
      description: `Maximum number of items of the page. The items have at most ${PAGE_MAX_BYTES / 1024 / 1024} MiB together, so a page can have fewer items although there are more.`,
    });
}
const limit = limitOf(PAGE_LIMIT_MAX, PAGE_LIMIT_DEFAULT);
const cursor = z.string().min(1).max(CURSOR_MAX_CHARACTERS).optional().meta({
  description: 'The `nextCursor` of the previous page. Opaque; valid only for the same caller and the same query.',
});
/** Up to 15 digits, so that it is an exact integer in every JSON implementation. */
function sequence(description: string) {
  return z
    .string()
    .regex(/^[0-9]{1,15}$/, 'must be a sequence number')
    .transform(Number)
    .optional()
    .meta({ type: 'integer', minimum: 0, description });
}

export const listChatsQuery = z.strictObject({
  cursor,
  limit,
  kind: chatKind.optional().meta({ description: 'Only chats of this kind.' }),
  archived: z
    .enum(['true', 'false'])
    .transform((value) => value === 'true')
    .optional()
    .meta({
      type: 'boolean',
      enum: undefined,
      description: '`true`: only archived chats; `false`: only chats that are not archived. Default: both.',
    }),
  hidden: z
    .enum(['true', 'false'])
    .optional()
    .transform((value) => value === 'true')
    .meta({
      ...{ type: 'boolean', enum: undefined, default: false },
      description: '`true`: only chats that the caller has hidden; `false`: only chats that are not hidden.',
    }),
});
/** For lists with a cursor. */
export const pageQuery = z.strictObject({ cursor, limit });
/** For the marks of members at a message. */
export const listReadersQuery = z.strictObject({
  cursor,
  limit,
  mark: z.enum(['read', 'delivered']).default('read').meta({
    description: '`read`: members who have read the message; `delivered`: members whom it has reached, read or not.',
  }),
});
/** For messages by sequence, in either direction. */
export const listMessagesQuery = z
  .strictObject({
    after: sequence('Messages after this sequence: the page that follows it directly.'),
    before: sequence('Messages before this sequence: the page that directly precedes it.'),
    limit,
  })
  .refine(({ after, before }) => after === undefined || before === undefined, {
    path: ['before'],
    message: 'cannot be combined with after',
  });
export const listEventsQuery = z.strictObject({
  after: sequence('Events after this sequence. Default: from the first event.'),
  limit,
});

/** The `since` of a client that needs only changes from now on. */
export const SYNC_FROM_NOW = 'now';
/** A token contains a position for each partition. */
export const SYNC_TOKEN_MAX_CHARACTERS = 8192;

export const syncQuery = z.strictObject({
  since: z
    .string()
    .min(1)
    .max(SYNC_TOKEN_MAX_CHARACTERS)
    .optional()
    .meta({
      description: `The \`next\` of the previous page. Default: sync everything. \`${SYNC_FROM_NOW}\`: no items, only a token. Opaque; valid only for the same caller and store, and while the policy shows the caller the same kinds of chats.`,
    }),
  limit,
});

/** Maximum number of profiles that one request names. */
export const USER_IDS_MAX = 100;
/** Maximum number of users on a page of a search. Their profiles have less than `PAGE_MAX_BYTES`. */
export const USERS_LIMIT_MAX = 50;

export const findUsersQuery = z
  .strictObject({
    ids: z
      .string()
      .transform((value) => [...new Set(value.split(','))])
      .pipe(z.array(userId).max(USER_IDS_MAX, `must be at most ${USER_IDS_MAX} user ids`))
      .optional()
      .meta({
        type: 'string',
        example: 'alice,bob',
        description: `User ids, separated by commas, at most ${USER_IDS_MAX}. The answer has their profiles in this order; users without a profile, and users whom the caller may not see, are left out.`,
      }),
    q: name(1, 128).optional().meta({
      description:
        'The beginning of a display name or a user id, in upper or lower case. The answer has the matching users in the order of the name or id that matches.',
    }),
    cursor,
    limit: limitOf(USERS_LIMIT_MAX, USERS_LIMIT_MAX),
  })
  .refine(({ ids, q }) => (ids === undefined) !== (q === undefined), {
    path: ['q'],
    message: 'is required, unless ids is given; one of the two',
  });

export const SEARCH_TEXT_MAX_CHARACTERS = 256;
/** Each found text is scanned for its highlights. */
export const SEARCH_LIMIT_MAX = 50;
/** Anything except spaces and the ASCII characters that are not part of a word. */
const SEARCHABLE = /[^\s!-/:-@[-`{-~]/u;

export const searchMessagesQuery = z.strictObject({
  q: text(1, SEARCH_TEXT_MAX_CHARACTERS)
    .refine((value) => value === '' || SEARCHABLE.test(value), 'must contain something to search for')
    .meta({
      description:
        'Words, all of which must occur; case does not matter. Words without a space between them (`a.b`, an address) and words in `"…"` must occur next to each other, in this order. `wor*`: the beginning of a word; a last word of at least four characters without quotes also matches as a beginning. `#tag`, `@name`: with this sign.',
    }),
  chatId: chatId.optional(),
  senderId: userId.optional(),
  from: time.optional().meta({ description: 'Messages created at or after this time.' }),
  to: time.optional().meta({ description: 'Messages created before this time.' }),
  cursor,
  limit: limitOf(SEARCH_LIMIT_MAX, SEARCH_LIMIT_MAX),
});

export const deleteMessageQuery = z.strictObject({
  mode: deleteMode.default('soft'),
});

/** `chatId` may be left out. It is computed for a direct chat and generated for others. */
export const createChatBody = chatCreateData.extend({ chatId: chatId.optional() });
export const updateChatBody = chatUpdateData;
export const readChatBody = chatReadData;
export const deliveredBody = chatDeliveredData;
export const addMembersBody = memberAddData;
export const updateMemberBody = memberUpdateData.omit({ userId: true });
export const sendMessageBody = messageSendData;
export const editMessageBody = messageEditData.omit({ messageId: true });
/** A user may not set their own kind or claims. With only `presence`, the rest of the profile is unchanged. */
export const putProfileBody = userUpsertFields.omit({ kind: true, userId: true, claims: true }).extend({
  displayName: userUpsertFields.shape.displayName.meta({
    description: 'Display name. Required unless only `presence` is set.',
  }),
});
