/** The frames that a client sends on a WebSocket: JSON text, `t` names the frame. An unknown frame or field is 4400. */
import { z } from 'zod';
import { chatId, commandId, userId } from '../messages/identifiers.js';
import { text } from '../messages/text.js';
import { SYNC_TOKEN_MAX_CHARACTERS } from '../rest/requests.js';
import { REALTIME_LIMITS } from './protocol.js';

const TOKEN_MAX_CHARACTERS = 16 * 1024;
/** The gateway's settings may be higher than the defaults, so the schemas bound only what one frame can hold. */
const LIST_MAX = 10_000;

export const clientFrame = {
  auth: z
    .strictObject({
      t: z.literal('auth'),
      token: z.string().min(1).max(TOKEN_MAX_CHARACTERS).optional().meta({
        description: 'A JWT, as for REST. Absent if `pass` is given.',
      }),
      pass: z
        .string()
        .min(1)
        .max(2 * TOKEN_MAX_CHARACTERS)
        .optional()
        .meta({ description: 'A pass from `POST /v1/realtime/pass`, instead of a token.' }),
      since: z
        .string()
        .min(1)
        .max(SYNC_TOKEN_MAX_CHARACTERS)
        .optional()
        .meta({
          description:
            'The token of the last `mark`, or `next` of the last `sync` if that came later. Default: sync everything. `now`: only what happens from now on. ' +
            'Ignored when a connection renews its token.',
        }),
      device: text(1, REALTIME_LIMITS.deviceMaxCharacters).optional().meta({
        description: 'A name of the device, for logs.',
      }),
    })
    .refine(({ token, pass }) => (token === undefined) !== (pass === undefined), 'must have either token or pass')
    .meta({
      description:
        'The first frame, within 5 s. Later it renews the token before it expires: for the same user, else 4401.',
    }),
  command: z
    .strictObject({
      t: z.literal('command'),
      id: commandId,
      type: z.string().min(1).max(128).meta({ description: 'The command type, such as `message.send`.' }),
      chatId: z.string().max(128).optional().meta({ description: 'Absent only for a command about no chat.' }),
      data: z.unknown().meta({ description: 'The data of the command, as in the message reference.' }),
    })
    .meta({ description: 'A command of the user, answered by `receipt` or `failed` with the same id.' }),
  open: z.strictObject({ t: z.literal('open'), chatId }).meta({
    description: 'The chat is on screen: `typing` is sent for it, and the content of a large chat.',
  }),
  close: z.strictObject({ t: z.literal('close'), chatId }).meta({ description: 'The chat is not on screen any more.' }),
  typing: z.strictObject({ t: z.literal('typing'), chatId, on: z.boolean() }).meta({
    description: 'The user types, or has stopped. Passed on at most once in 5 s; ends by itself after 8 s.',
  }),
  watch: z.strictObject({ t: z.literal('watch'), userIds: z.array(userId).max(LIST_MAX) }).meta({
    description: 'Send the presence of these users. Replaces the last list.',
  }),
  active: z.strictObject({ t: z.literal('active') }).meta({
    description:
      'The user is active on this device. A user without activity for 5 minutes is `away`. Any command and `typing` count too.',
  }),
  ack: z.strictObject({ t: z.literal('ack'), n: z.int().min(0) }).meta({
    description: 'Every push up to `n` is processed.',
  }),
} as const;

export type ClientFrameName = keyof typeof clientFrame;
export type ClientFrame = { [T in ClientFrameName]: z.infer<(typeof clientFrame)[T]> }[ClientFrameName];
export type ClientFrameOf<T extends ClientFrameName> = Extract<ClientFrame, { t: T }>;
