// Behind a wall that lets nothing through but the TURN server: a call over Debian's coturn, with the
// short-lived credentials that signaling gives.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { Office } from "./office.ts";
import { admit, enterWaiting, newLink, newPerson, newStaff, seesAndHears, startBrowser, ways } from "./people.ts";

let office: Office;
let browser: Browser;

before(async () => {
  [office, browser] = await Promise.all([Office.open({ turn: true }), startBrowser()]);
});
after(async () => {
  await browser?.close();
  await office?.close();
});

/** Candidates that a browser gathers through a TURN server, and the errors it is given. */
function gather(page: Page, server: RTCIceServer): Promise<{ relayed: number; errors: number[] }> {
  return page.evaluate(async (iceServer) => {
    const connection = new RTCPeerConnection({ iceServers: [iceServer], iceTransportPolicy: "relay" });
    const errors: number[] = [];
    let relayed = 0;
    const gathered = new Promise<void>((done) => {
      connection.onicecandidate = ({ candidate }) => {
        if (candidate?.type === "relay") relayed += 1;
        if (!candidate) done();
      };
    });
    connection.onicecandidateerror = (event) => errors.push((event as RTCPeerConnectionIceErrorEvent).errorCode);
    connection.createDataChannel("gather");
    await connection.setLocalDescription();
    await gathered;
    connection.close();
    return { relayed, errors };
  }, server);
}

test("a resident who reaches nothing but the TURN server talks with staff", async () => {
  const staff = await newStaff(browser, office);
  const { url, id } = await newLink(staff);
  const resident = await newPerson(browser, { onlyRelayed: true });
  await enterWaiting(resident, url);
  await admit(staff, id);
  await Promise.all([seesAndHears(resident), seesAndHears(staff)]);
  const taken = await ways(resident.page);
  assert.deepEqual(taken.map((way) => way.kind), ["relay", "relay"], "both connections, one up and one down");
  assert.deepEqual((await ways(staff.page)).map((way) => way.kind), ["host", "host"], "who can, goes straight");
  assert.deepEqual([...resident.faults, ...staff.faults], []);

  const [server] = await resident.page.evaluate(() => {
    const [connection] = (window as unknown as { connections: RTCPeerConnection[] }).connections;
    return connection?.getConfiguration().iceServers ?? [];
  });
  assert.ok(server, "the page was given a server");
  assert.ok((await gather(resident.page, server)).relayed > 0, "its credential holds");
  const [end, user] = String(server.username).split(":");
  const forged = { ...server, username: `${Number(end) + 3600}:${user}` };
  const refused = await gather(resident.page, forged);
  assert.equal(refused.relayed, 0, "another end with the same credential is refused");
  assert.ok(refused.errors.includes(401), `${refused.errors}`);
  await Promise.all([resident.context.close(), staff.context.close()]);
});
