/* Events: every fact that is kept. */
import type { JSX } from "preact";
import { query } from "./api";
import type { EventRow } from "./api";
import { List } from "./table";
import type { Column } from "./table";
import { Choice, Time, Title, useFilters } from "./ui";

const brief = (f: Record<string, unknown>): string =>
	Object.entries(f).filter(([, v]) => v !== "" && v !== 0 && typeof v !== "object").map(([k, v]) => `${k}: ${String(v)}`).join(", ");

const columns: Column<EventRow>[] = [
	{ name: "Event", main: true, number: true, cell: (e) => e.id, raw: (e) => e.id },
	{ name: "Time", cell: (e) => <Time at={e.time} long />, raw: (e) => e.time },
	{ name: "Kind", cell: (e) => e.kind, raw: (e) => e.kind },
	{ name: "What it says", cell: (e) => (
		<details><summary>{brief(e.fields).slice(0, 120) || "(no fields)"}</summary><pre>{JSON.stringify(e.fields, null, 1)}</pre></details>
	), raw: (e) => e.fields },
	{ name: "Where", cell: (e) => e.packet ? <span class="small">capture {e.source}, packet {e.packet}</span> : "", raw: (e) => e.packet ? `${e.source}/${e.packet}` : "" },
];

const kinds: [string, string][] = [["", "All"], ["message", "Messages"], ["finding", "Findings"], ["device", "Devices"], ["account", "People"],
	["claim", "Claims"], ["anomaly", "Deviations"], ["link", "Links"], ["flow", "Connections"], ["tls", "TLS handshakes"], ["login", "Log-ins seen"],
	["credential", "Passwords in clear"], ["binding", "Addresses"], ["attachment", "Files in messages"], ["setup", "Set-up services"], ["capture", "Captures"], ["process", "Hemostat itself"]];

export function Events(): JSX.Element {
	const [f, set] = useFilters({ kind: "" });
	return (
		<>
			<Title>Events</Title>
			<List path={"/events" + query(f)} columns={columns} caption="Events, newest first" file="events" rowKey={(e) => e.id}
				filters={<Choice label="Kind" value={f.kind} set={(v) => set("kind", v)} options={kinds} />}
				empty={<p>No event of this kind is kept.</p>} />
		</>
	);
}
