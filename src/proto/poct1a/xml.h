/* SPDX-License-Identifier: Apache-2.0 */
/* The part of XML that POCT1-A2 uses: documents cut from a stream, and a reader of one document.
 * Source:  XML 1.0 (fifth edition) 2.1 to 2.10, 3.1, 4.1, 4.6; without document types (2.8) and
 *          without entities but the five of 4.6 and character references: both are refused.
 * Input:   UTF-8 or any superset of ASCII, in stream order, cut anywhere; the caller makes bytes of
 *          UTF-16 and says that each stands for two (scale).
 * Output:  a document lives until the next call on its splitter, a token until the next on its
 *          reader; views point into the document.
 * Memory:  one document of at most XML_DOCUMENT_MAX bytes from the budget; the reader has none.
 * Total:   any bytes give documents, noise and errors; each call takes at least one byte or ends a
 *          document. Work is linear. No recursion.
 * Limits:  XML_DOCUMENT_MAX, XML_DEPTH_MAX, XML_ATTRIBUTES_MAX; over one: the document is refused.
 * Not checked: that names and text are valid UTF-8; that attributes differ by name. */
#pragma once

#include "base/buf.h"

enum {
	XML_DOCUMENT_MAX = 4 << 20, /* devices name 1000 to 65536 (DSC.max_message_sz); operator
				       lists of large sites pass 1 MB */
	XML_DEPTH_MAX = 32,         /* POCT1-A2 needs 6 */
	XML_ATTRIBUTES_MAX = 16,    /* POCT1-A2 needs 6 */
};

enum xml_error {
	XML_OK,
	XML_CUT,        /* the stream ended, a hole or the start of another document came */
	XML_SYNTAX,     /* not well-formed */
	XML_MISMATCH,   /* an end tag closes another element */
	XML_DOCTYPE,    /* a document type declaration */
	XML_ENTITY,     /* a reference to an entity that is none of the five */
	XML_DEPTH,      /* nested too deep */
	XML_ATTRIBUTES, /* too many attributes */
	XML_SIZE,       /* too long */
	XML_MEMORY,     /* the budget refused */
};

const char *xml_error_name(enum xml_error e); /* "cut", "syntax", ...; "ok" */

/* --- documents --- */

enum xml_piece_kind {
	XML_MORE,     /* the input is used up */
	XML_DOCUMENT, /* body: from its first '<' to the end of its root element */
	XML_NOISE,    /* bytes outside documents that are no blanks; told once a run */
};

struct xml_piece {
	enum xml_piece_kind kind;
	enum xml_error error; /* not XML_OK: do not trust the body, show its root at most */
	struct bytes body;
	uint64_t offset;
	uint64_t size; /* on the wire */
};

struct xml_splitter {
	uint8_t state;
	uint8_t quote;
	uint8_t match; /* progress in "-->", "]]>", "?>", or the prefix of a root */
	uint8_t previous;
	uint8_t target;  /* letters of "xml" that a processing instruction began with */
	uint8_t scale;   /* bytes on the wire for one of input, 1 or 2 */
	uint8_t pre[16]; /* while looking for a start after a hole */
	bool rooted;     /* the root's start tag was seen */
	bool given;      /* doc was shown by the last call */
	bool noisy;
	uint32_t depth;
	uint32_t brackets;
	enum xml_error error;
	struct buf doc;
	size_t lt;      /* position in doc of the last '<' */
	uint64_t size;  /* bytes of the document, dropped ones included */
	uint64_t start; /* offset of doc */
};

void xml_split_init(struct xml_splitter *s, struct budget *budget);
struct xml_piece xml_split_next(struct xml_splitter *s, struct bytes *in, uint64_t *offset);
/* A hole (resync) or the end: what is open comes as a cut document, else XML_MORE. */
struct xml_piece xml_split_cut(struct xml_splitter *s, bool resync);
void xml_split_free(struct xml_splitter *s);

/* --- one document --- */

struct xml_attribute {
	struct bytes name, value; /* value as it stands, references in it */
};

enum xml_kind { XML_DONE, XML_START, XML_END, XML_TEXT, XML_BAD };

struct xml_token {
	enum xml_kind kind;
	enum xml_error error; /* of XML_BAD */
	struct bytes name;    /* START, END */
	struct bytes text;    /* TEXT: as it stands; cdata: no references in it */
	bool cdata;
	size_t at; /* place in the document */
	const struct xml_attribute *attributes;
	size_t n;
};

struct xml_reader {
	struct bytes in;
	size_t at;
	size_t depth;
	bool closing; /* an empty-element tag: its END is next */
	bool done;
	struct bytes open[XML_DEPTH_MAX];
	struct xml_attribute attributes[XML_ATTRIBUTES_MAX];
	size_t n;
};

struct xml_reader xml_read(struct bytes document);
struct xml_token xml_next(struct xml_reader *r);

/* text with its references undone, into out of at least text.len bytes; text itself where it has
 * none. Empty where one is unknown (xml_next() has refused such a document). */
struct bytes xml_plain(struct bytes text, uint8_t *out);

/* --- writing --- */

void xml_write_text(struct buf *out, struct bytes text); /* & < > " ' and controls escaped */
