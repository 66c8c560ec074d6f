/* Devices: what is connected, how we know, and whether it may stay. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { patch, query, useData } from "./api";
import type { Device, DeviceDetail, Finding, Page } from "./api";
import { className, count } from "./format";
import { List, Rows } from "./table";
import type { Column } from "./table";
import { Ask, Card, Choice, Empty, Facts, Failed, Search, Severity, State, Time, Title, Waiting, useFilters } from "./ui";

const title = (d: { maker?: string | null; model?: string | null; hostname?: string | null; class: string }): string =>
	[d.maker, d.model && d.maker && d.model.startsWith(d.maker + "-") ? d.model.slice(d.maker.length + 1) : d.model].filter(Boolean).join(" ") || d.hostname || className(d.class);

const columns: Column<Device>[] = [
	{ name: "Device", main: true, cell: (d) => <a href={`#/devices/${d.id}`}>{title(d)}</a>, raw: (d) => title(d) },
	{ name: "State", cell: (d) => <State of={d.state} />, raw: (d) => d.state },
	{ name: "Kind", cell: (d) => className(d.class), raw: (d) => d.class },
	{ name: "Serial", cell: (d) => d.serial, raw: (d) => d.serial },
	{ name: "Software", cell: (d) => d.software || d.os, raw: (d) => d.software || d.os },
	{ name: "Addresses", cell: (d) => <span class="mono">{d.addresses}</span>, raw: (d) => d.addresses },
	{ name: "Last seen", cell: (d) => <Time at={d.last_seen} />, raw: (d) => d.last_seen },
];

export function Devices(): JSX.Element {
	const [f, set] = useFilters({ state: "", class: "", find: "" });
	return (
		<>
			<Title>Devices</Title>
			<List path={"/devices" + query(f)} columns={columns} caption="Devices" file="devices" rowKey={(d) => d.id} kinds={["device"]}
				filters={<>
					<Search label="Find" value={f.find} set={(v) => set("find", v)} />
					<Choice label="State" value={f.state} set={(v) => set("state", v)} options={[["", "All"], ["staged", "New"], ["approved", "Approved"], ["blocked", "Blocked"], ["retired", "Retired"]]} />
					<Choice label="Kind" value={f.class} set={(v) => set("class", v)} options={[["", "All"], ...["analyzer", "glucose_meter", "imaging", "middleware", "lis", "pacs", "serial_server", "workstation", "server", "printer", "network", "unknown"].map((c): [string, string] => [c, className(c)])]} />
				</>}
				empty={f.state || f.class || f.find
					? <p>No device fits these filters.</p>
					: <><p>No device has been seen yet.</p><p>Hemostat knows a device once it sees its traffic: connect a mirror port and start <code>hemostat run</code>.</p></>} />
		</>
	);
}

const actions: [string, string, string][] = [
	["approved", "Approve", "This device belongs to the laboratory."],
	["blocked", "Block", "This device must not be here. Hemostat marks it; take it off the network yourself."],
	["retired", "Retire", "This device is gone for good."],
	["staged", "Undecided", "Put it back among the devices that wait for a decision."],
];

export function DevicePage({ id, may }: { id: string; may: string[] }): JSX.Element {
	const { data: d, error, again } = useData<DeviceDetail>(`/devices/${id}`, ["device"]);
	const findings = useData<Page<Finding>>(`/findings?device=${id}&limit=100`, ["finding"]);
	const [asking, ask] = useState("");
	if (error) return <><Title>Device {id}</Title><Failed error={error} again={again} /></>;
	if (!d) return <><Title>Device {id}</Title><Waiting /></>;
	const chosen = actions.find(([s]) => s === asking);
	return (
		<>
			<p class="crumb"><a href="#/devices">Devices</a></p>
			<Title aside={<State of={d.state} />}>{title(d)}</Title>
			{may.includes("devices") && (
				<div class="toolbar">
					{actions.filter(([s]) => s !== d.state).map(([s, name]) => (
						<button type="button" key={s} class={s === "blocked" ? "danger" : s === "approved" ? "primary" : ""} onClick={() => ask(s)}>{name}</button>
					))}
				</div>
			)}
			{chosen && <Ask title={`${chosen[1]}: ${title(d)}`} text={chosen[2]} action={chosen[1]} reason={chosen[0] === "blocked"} danger={chosen[0] === "blocked"}
				done={() => ask("")} run={async (reason) => { await patch(`/devices/${id}`, { state: chosen[0], reason }); again(); }} />}
			<div class="columns">
				<Card title="What it is" id="facts">
					<Facts rows={[
						["Kind", className(d.class)], ["Maker", d.maker], ["Model", d.model], ["Serial number", d.serial], ["UDI", d.udi],
						["Software", d.software], ["Firmware", d.firmware], ["Hardware", d.hardware], ["Operating system", d.os], ["Host name", d.hostname],
						["Speaks", d.protocols.join(", ")], ["First seen", <Time at={d.first_seen} long />], ["Last seen", <Time at={d.last_seen} long />],
					]} />
					{d.conflicts.length > 0 && <p class="notice some">{count(d.conflicts.length)} of these have been told differently by different sources.</p>}
					<h3>Addresses</h3>
					<ul class="plain">{d.addresses.map((a, i) => <li key={i} class="mono">{a.ip} {a.mac && <span class="small">{a.mac}</span>} {a.former && <span class="small">(former)</span>}</li>)}</ul>
				</Card>
				<Card title="Findings about it" id="about">
					{!findings.data ? <Waiting /> : findings.data.items.length === 0 ? <Empty><p>None.</p></Empty> : (
						<ul class="plain gaps">{findings.data.items.map((x) => <li key={x.id}><Severity of={x.severity} /> <a href={`#/findings/${x.id}`}>{x.meaning}</a> {x.state !== "open" && <State of={x.state} />}</li>)}</ul>
					)}
				</Card>
			</div>
			<Card title="Links" id="links">
				{d.links.length === 0 ? <Empty><p>It has not talked to anybody yet.</p></Empty> : (
					<Rows caption="Links of this device" rows={d.links} rowKey={(l) => l.id} columns={[
						{ name: "Protocol", main: true, cell: (l) => l.protocol, raw: (l) => l.protocol },
						{ name: "As", cell: (l) => l.role, raw: (l) => l.role },
						{ name: "With", cell: (l) => l.peer ? <a href={`#/devices/${l.peer}`}>{l.peer_ip}</a> : l.peer_ip, raw: (l) => l.peer_ip },
						{ name: "Port", number: true, cell: (l) => l.port, raw: (l) => l.port },
						{ name: "Messages", number: true, cell: (l) => count(l.messages), raw: (l) => l.messages },
						{ name: "Last seen", cell: (l) => <Time at={l.last_seen} />, raw: (l) => l.last_seen },
					]} />
				)}
			</Card>
			<Card title="How we know" id="claims" more={<span class="small">every claim with the packet and byte that said so</span>}>
				{d.claims.length === 0 ? <Empty><p>Nothing has named it yet: only its addresses are known.</p></Empty> : (
					<Rows caption="Claims about this device" rows={d.claims} rowKey={(_, i) => i} columns={[
						{ name: "What", main: true, cell: (c) => c.attr.replaceAll("_", " "), raw: (c) => c.attr },
						{ name: "Said to be", cell: (c) => c.value, raw: (c) => c.value },
						{ name: "By", cell: (c) => c.source, raw: (c) => c.source },
						{ name: "Trust", number: true, cell: (c) => `${c.confidence} %`, raw: (c) => c.confidence },
						{ name: "Times", number: true, cell: (c) => count(c.count), raw: (c) => c.count },
						{ name: "Where", cell: (c) => <span class="small">capture {c.evidence.source}, packet {count(c.evidence.packet)}{c.evidence.offset !== undefined && `, byte ${count(c.evidence.offset)}`}</span>, raw: (c) => JSON.stringify(c.evidence) },
						{ name: "Last said", cell: (c) => <Time at={c.last_seen} />, raw: (c) => c.last_seen },
					]} />
				)}
			</Card>
		</>
	);
}
