import { expect } from 'chai';
import { DeliveryLedger } from '../../../bench/ejabberd/delivery-ledger.js';

const ALICE = 0;
const BOB = 1;
const delivery = (id: string) => `<message type='chat' id='${id}'><body>${id} xxx</body></message>`;

describe("the peer's ledger of deliveries", () => {
  it('counts a message once, when its receiver gets it, and its repeats separately', () => {
    const ledger = new DeliveryLedger();
    ledger.sending('r-1', BOB);
    ledger.sending('r-2', ALICE);
    expect(ledger.inFlight).to.equal(2);
    for (const id of ['r-1', 'r-1', 'r-1']) ledger.take(BOB, delivery(id));
    expect(ledger).to.include({ sent: 2, delivered: 1, doubled: 2, refused: 0, inFlight: 1 });
    expect(ledger.latencies).to.have.length(1);
  });

  it("does not count the sender's copy from the room as a delivery", () => {
    const ledger = new DeliveryLedger();
    ledger.sending('r-1', BOB);
    ledger.take(ALICE, delivery('r-1'));
    expect(ledger).to.include({ delivered: 0, inFlight: 1 });
    ledger.take(BOB, delivery('r-1'));
    ledger.take(ALICE, delivery('r-1'));
    expect(ledger).to.include({ delivered: 1, doubled: 0, inFlight: 0 });
  });

  it('counts a returned message as refused, and no longer waits for it', () => {
    const ledger = new DeliveryLedger();
    ledger.sending('r-1', BOB);
    ledger.take(ALICE, "<message type='error' id='r-1'><error type='cancel'/></message>");
    expect(ledger).to.include({ sent: 1, delivered: 0, refused: 1, inFlight: 0 });
  });

  it('ignores stanzas that it did not send: presence, a subject without an id, messages of another round', () => {
    const ledger = new DeliveryLedger();
    ledger.sending('r-1', BOB);
    for (const stanza of ["<presence id='r-1'/>", "<message type='groupchat'><subject/></message>", delivery('q-1')])
      ledger.take(BOB, stanza);
    expect(ledger).to.include({ delivered: 0, doubled: 0, refused: 0, inFlight: 1 });
  });
});
