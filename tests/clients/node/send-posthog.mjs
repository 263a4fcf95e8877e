// Sends an identify, a group, an alias and 300 events with the unmodified posthog-node, then says what failed.
import { PostHog } from "posthog-node";

const [, , host, traits] = process.argv;
const failed = [];
const client = new PostHog("WKEY", { host, flushAt: 50, fetchRetryDelay: 100 });
client.on("error", (error) => failed.push(String(error)));
client.identify({ distinctId: "u1", properties: JSON.parse(traits) });
client.groupIdentify({ groupType: "company", groupKey: "acc1", properties: { name: "Acme", plan: "pro" } });
client.alias({ distinctId: "u1", alias: "0190a1b2-0000-7000-8000-000000000001" });
for (let n = 0; n < 300; n++) {
  client.capture({ distinctId: `u${n % 7}`, event: "Report Exported", properties: { n }, groups: { company: "acc1" } });
}
await client.shutdown(60000);
console.log(JSON.stringify({ failed }));
