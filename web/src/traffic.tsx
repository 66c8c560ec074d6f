/* Traffic: links, messages and results. */
import type { JSX } from "preact";
import { query, useData } from "./api";
import type { Link, Message, MessageDetail, ResultRow } from "./api";
import { bytes, count } from "./format";
import { List, Rows } from "./table";
import type { Column } from "./table";
import { Card, Choice, Empty, Facts, Failed, Protection, Time, Title, Waiting, useFilters } from "./ui";

const labels: Record<string, string> = { hl7: "HL7 v2", astm: "ASTM", poct1a: "POCT1-A", dicom: "DICOM", fhir: "FHIR" };
const protos: [string, string][] = [["", "All"], ...Object.entries(labels)];

const links: Column<Link>[] = [
	{ name: "Link", main: true, cell: (l) => <a href={`#/traffic/messages?link=${l.link}`}>{l.client} → {l.server}:{l.port}</a>, raw: (l) => `${l.client} ${l.server}:${l.port}` },
	{ name: "Protocol", cell: (l) => l.app && l.proto === "other" ? l.app : l.protocol, raw: (l) => l.proto },
	{ name: "Protection", cell: (l) => <Protection on={l.encrypted} />, raw: (l) => l.encrypted ? "encrypted" : "clear text" },
	{ name: "Messages", number: true, cell: (l) => count(l.messages), raw: (l) => l.messages },
	{ name: "Results", number: true, cell: (l) => count(l.results), raw: (l) => l.results },
	{ name: "Bytes", number: true, cell: (l) => bytes(l.bytes), raw: (l) => l.bytes },
	{ name: "Last seen", cell: (l) => <Time at={l.last_seen} />, raw: (l) => l.last_seen },
];

const messages: Column<Message>[] = [
	{ name: "Message", main: true, cell: (m) => <a href={`#/messages/${m.id}`}>{m.type || m.category}</a>, raw: (m) => m.type },
	{ name: "Time", cell: (m) => <Time at={m.time} long />, raw: (m) => m.time },
	{ name: "Protocol", cell: (m) => labels[m.proto] ?? m.proto, raw: (m) => m.proto },
	{ name: "From", cell: (m) => m.sender || (m.dir === "originator" ? m.client : m.server), raw: (m) => m.sender },
	{ name: "On the way", cell: (m) => <span class="mono">{m.dir === "originator" ? `${m.client} → ${m.server}` : `${m.server} → ${m.client}`}</span>, raw: (m) => m.dir === "originator" ? `${m.client} ${m.server}` : `${m.server} ${m.client}` },
	{ name: "Results", number: true, cell: (m) => m.n_results || "", raw: (m) => m.n_results },
	{ name: "Answer", cell: (m) => m.ack, raw: (m) => m.ack },
	{ name: "Deviations", number: true, cell: (m) => m.anomalies || "", raw: (m) => m.anomalies },
];

const value = (r: ResultRow["result"]): string => r.value ?? (r.value_hash ? "(text, not kept)" : "");
const results: Column<ResultRow>[] = [
	{ name: "Test", main: true, cell: (r) => <a href={`#/messages/${r.id}`}>{r.result.name || r.result.code || "unnamed"}</a>, raw: (r) => r.result.name || r.result.code },
	{ name: "Value", number: true, cell: (r) => value(r.result), raw: (r) => value(r.result) },
	{ name: "Units", cell: (r) => r.result.units, raw: (r) => r.result.units },
	{ name: "Range", cell: (r) => r.result.range, raw: (r) => r.result.range },
	{ name: "Flags", cell: (r) => r.result.flags, raw: (r) => r.result.flags },
	{ name: "Status", cell: (r) => r.result.status, raw: (r) => r.result.status },
	{ name: "From", cell: (r) => r.sender, raw: (r) => r.sender },
	{ name: "Time", cell: (r) => <Time at={r.time} long />, raw: (r) => r.time },
];

export function Traffic({ tab, may }: { tab: string; may: string[] }): JSX.Element {
	const seesResults = may.includes("results");
	const tabs: [string, string][] = [["links", "Links"], ["messages", "Messages"], ...(seesResults ? [["results", "Results"] as [string, string]] : [])];
	return (
		<>
			<Title>Traffic</Title>
			<nav class="tabs" aria-label="Kinds of traffic">
				{tabs.map(([t, name]) => <a key={t} href={`#/traffic/${t}`} {...(t === tab ? { "aria-current": "page" as const } : {})}>{name}</a>)}
			</nav>
			{tab === "messages" ? <Messages key="m" /> : tab === "results" && seesResults ? <Results key="r" /> : <Links key="l" />}
		</>
	);
}

function Links(): JSX.Element {
	const [f, set] = useFilters({ kind: "clinical", proto: "" });
	return (
		<List path={"/links" + query(f)} columns={links} caption="Links" file="links" rowKey={(l) => l.link}
			filters={<>
				<Choice label="Show" value={f.kind} set={(v) => set("kind", v)} options={[["clinical", "Clinical links"], ["", "All links"]]} />
				<Choice label="Protocol" value={f.proto} set={(v) => set("proto", v)} options={protos} />
			</>}
			empty={<><p>No link has been seen yet.</p><p>A link appears with the first connection between two devices.</p></>} />
	);
}

function Messages(): JSX.Element {
	const [f, set] = useFilters({ proto: "", category: "", link: "" });
	return (
		<List path={"/messages" + query(f)} columns={messages} caption="Clinical messages, newest first" file="messages" rowKey={(m) => m.id}
			filters={<>
				<Choice label="Protocol" value={f.proto} set={(v) => set("proto", v)} options={protos} />
				<Choice label="Kind" value={f.category} set={(v) => set("category", v)} options={[["", "All"], ["result", "Results"], ["order", "Orders"], ["query", "Queries"], ["ack", "Acknowledgements"], ["patient", "Patients"], ["image", "Images"]]} />
				{f.link && <button type="button" onClick={() => set("link", "")}>Only link {f.link} ✕</button>}
			</>}
			empty={<><p>No clinical message fits.</p><p>Messages appear when an analyzer, middleware or LIS talks HL7, ASTM, POCT1-A, DICOM or FHIR.</p></>} />
	);
}

function Results(): JSX.Element {
	const [f, set] = useFilters({ proto: "", code: "" });
	return (
		<List path={"/results" + query(f)} columns={results} caption="Results as sent, newest first" file="results" rowKey={(_, i) => i}
			filters={<>
				<Choice label="Protocol" value={f.proto} set={(v) => set("proto", v)} options={protos} />
				{f.code && <button type="button" onClick={() => set("code", "")}>Only test {f.code} ✕</button>}
			</>}
			empty={<p>No result fits.</p>} />
	);
}

export function MessagePage({ id }: { id: string }): JSX.Element {
	const { data: m, error, again } = useData<MessageDetail>(`/messages/${id}`, []);
	if (error) return <><Title>Message {id}</Title><Failed error={error} again={again} /></>;
	if (!m) return <><Title>Message {id}</Title><Waiting /></>;
	return (
		<>
			<p class="crumb"><a href="#/traffic/messages">Messages</a></p>
			<Title>{m.type || m.category}</Title>
			<div class="columns">
				<Card title="Message" id="message">
					<Facts rows={[
						["Time", <Time at={m.time} long />], ["Protocol", `${labels[m.proto] ?? m.proto} ${m.version}`], ["From", m.sender], ["To", m.receiver],
						["Answer", m.ack], ["Size", bytes(m.size)], ["Deviations from the standard", m.anomalies ? count(m.anomalies) : ""],
						["Patient data", m.phi ? `${count(m.phi)} fields; identifiers are kept as keyed hashes only` : "none"],
						["Cut", m.cut ? "bytes of it are missing from the capture" : ""],
					]} />
				</Card>
				<Card title="Where it was seen" id="where">
					<Facts rows={[
						["Link", <a href={`#/traffic/messages?link=${m.link}`}>{m.client} → {m.server}:{m.port}</a>], ["Spoken by", m.dir], ["Capture", count(m.source)],
						["Packet", count(m.packet)], ["Byte of the stream", count(m.offset)], ["Carrier", m.carrier],
					]} />
				</Card>
			</div>
			<Card title="Results" id="results">
				{m.results_hidden ? <Empty><p>Your role does not see measured values.</p></Empty> : m.results.length === 0 ? <Empty><p>None in this message.</p></Empty> : (
					<Rows caption="Results in this message" rows={m.results} rowKey={(_, i) => i} columns={[
						{ name: "Test", main: true, cell: (r) => r.name || r.code, raw: (r) => r.name },
						{ name: "Code", cell: (r) => r.code, raw: (r) => r.code },
						{ name: "Value", number: true, cell: value, raw: value },
						{ name: "Units", cell: (r) => r.units, raw: (r) => r.units },
						{ name: "Range", cell: (r) => r.range, raw: (r) => r.range },
						{ name: "Flags", cell: (r) => r.flags, raw: (r) => r.flags },
						{ name: "Status", cell: (r) => r.status, raw: (r) => r.status },
						{ name: "Byte", number: true, cell: (r) => count(r.offset), raw: (r) => r.offset },
					]} />
				)}
			</Card>
		</>
	);
}
