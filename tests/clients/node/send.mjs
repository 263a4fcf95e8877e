// Sends one call of each kind and 300 track calls with the unmodified library, then says which ids it gave them.
import { Analytics } from "@segment/analytics-node";

const [, , host, traits] = process.argv;
const analytics = new Analytics({ writeKey: "WKEY", host, flushAt: 100, maxRetries: 4 });
const failed = [];
const delivered = [];
analytics.on("error", (error) => failed.push(String(error)));
for (const call of ["identify", "group", "page", "screen", "alias", "track"]) {
  analytics.on(call, (context) => delivered.push(context.event.messageId));
}
analytics.identify({ userId: "u1", traits: JSON.parse(traits) });
analytics.group({ userId: "u1", groupId: "acc1", traits: { name: "Acme", plan: "pro" } });
analytics.page({ userId: "u1", name: "Home", properties: { url: "http://x/" } });
analytics.screen({ userId: "u1", name: "Home" });
analytics.alias({ userId: "u1", previousId: "anon1" });
for (let n = 0; n < 300; n++) {
  analytics.track({ userId: `u${n % 7}`, event: "Report Exported", properties: { n } });
}
await analytics.closeAndFlush({ timeout: 60000 });
console.log(JSON.stringify({ failed, delivered }));
