/* Numbers, times and sizes as people read them. Times are shown in the reader's own zone; the title
 * of every time holds it in UTC. */
const number = new Intl.NumberFormat("en-GB");
const dateTime = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const shortTime = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

export const count = (n: number): string => number.format(n);

export function bytes(n: number): string {
	const units = ["B", "kB", "MB", "GB", "TB"];
	let u = 0;
	while (n >= 1000 && u < units.length - 1) {
		n /= 1000;
		u++;
	}
	return `${u === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[u]}`;
}

export function time(text: string | null | undefined): string {
	const at = text ? Date.parse(text) : NaN;
	return Number.isNaN(at) ? "" : dateTime.format(at);
}

export function when(text: string | null | undefined): string {
	const at = text ? Date.parse(text) : NaN;
	return Number.isNaN(at) ? "" : shortTime.format(at);
}

export const plural = (n: number, one: string, many = one + "s"): string => `${count(n)} ${n === 1 ? one : many}`;

const classes: Record<string, string> = {
	unknown: "Unknown", analyzer: "Analyzer", glucose_meter: "Glucose meter", imaging: "Imaging", middleware: "Middleware",
	lis: "LIS", pacs: "PACS", serial_server: "Serial server", workstation: "Workstation", server: "Server",
	printer: "Printer", network: "Network device",
};
export const className = (c: string | null | undefined): string => classes[c ?? ""] ?? (c || "Unknown");

const acronyms: Record<string, string> = { arp: "ARP", dhcp: "DHCP", tcp: "TCP", tls: "TLS", phi: "patient data", os: "OS", smb1: "SMB 1", poct1a: "POCT1-A" };
export function detectorName(id: string): string {
	const text = id.split("_").map((w) => acronyms[w] ?? w).join(" ");
	return text.charAt(0).toUpperCase() + text.slice(1);
}

/* A cell of CSV: quoted, and never a formula to a spreadsheet. */
export function csvCell(v: unknown): string {
	let text = v === null || v === undefined ? "" : typeof v === "object" ? JSON.stringify(v) : String(v);
	if (/^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?$/.test(text)) text = "'" + text;
	return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
