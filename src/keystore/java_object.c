#include "keystore/java_object.h"

enum { CLASSES_MAX = 32, FIELDS_MAX = 64, HANDLES_MAX = 512, TASKS_MAX = 128, NO_CLASS = 0xff };

/* Object Serialization Specification, section 6.4.2. */
enum {
    TC_NULL = 0x70,
    TC_REFERENCE,
    TC_CLASSDESC,
    TC_OBJECT,
    TC_STRING,
    TC_ARRAY,
    TC_CLASS,
    TC_BLOCKDATA,
    TC_ENDBLOCKDATA,
    TC_RESET,
    TC_BLOCKDATALONG,
    TC_EXCEPTION,
    TC_LONGSTRING,
    TC_PROXYCLASSDESC,
    TC_ENUM
};
enum { SC_WRITE_METHOD = 1, SC_SERIALIZABLE = 2, SC_EXTERNALIZABLE = 4, SC_BLOCK_DATA = 8 };
enum { FIRST_HANDLE = 0x7e0000 };

/* What is still to be read, the next on top: so nothing recurses. */
enum task_kind {
    TASK_OBJECT,      /* any object */
    TASK_ANNOTATION,  /* objects and blocks up to TC_ENDBLOCKDATA */
    TASK_SUPER,       /* the class that class `of` extends */
    TASK_OBJECT_DATA, /* what an object of class `of` holds */
    TASK_CLASS_DATA,  /* of that the part of class `of` */
    TASK_FIELDS,      /* of that the fields from the `n`th */
    TASK_ARRAY_DATA,  /* an array of class `of` */
    TASK_ELEMENTS,    /* `n` objects */
    TASK_HANDLE       /* a thing got its number */
};

struct task {
    enum task_kind kind;
    uint8_t of;
    uint32_t n;
};

struct class
{
    uint8_t flags, super, element; /* element: the type code of an array's */
    uint16_t n_fields;
    uint8_t fields[FIELDS_MAX]; /* their type codes */
};

struct walk {
    struct reader *in;
    struct class classes[CLASSES_MAX];
    uint8_t handles[HANDLES_MAX]; /* the class that the number stands for */
    struct task tasks[TASKS_MAX];
    size_t n_classes, n_handles, n_tasks;
};

static void fail(struct walk *w, const char *what)
{
    rd_fail(w->in, FAULT_MALFORMED, what);
}

static void push(struct walk *w, enum task_kind kind, uint8_t of, uint32_t n)
{
    if (w->n_tasks == TASKS_MAX) {
        fail(w, "objects deeper in each other than is followed");
        return;
    }
    w->tasks[w->n_tasks++] = (struct task){ kind, of, n };
}

static void number(struct walk *w, uint8_t class)
{
    if (w->n_handles == HANDLES_MAX) {
        fail(w, "more objects than are followed");
        return;
    }
    w->handles[w->n_handles++] = class;
}

static void skip_string(struct walk *w)
{
    (void)rd_vec16(w->in, 0, UINT16_MAX, "a string");
}

static uint8_t read_reference(struct walk *w)
{
    uint32_t handle = rd_u32(w->in, "a reference");
    if (handle < FIRST_HANDLE || handle - FIRST_HANDLE >= w->n_handles) {
        fail(w, "a reference to nothing");
        return NO_CLASS;
    }
    return w->handles[handle - FIRST_HANDLE];
}

/* The class name of a field: a string, new or met before. */
static void skip_field_class(struct walk *w)
{
    uint8_t tag = rd_u8(w->in, "a field's class");
    if (tag == TC_STRING) {
        number(w, NO_CLASS);
        skip_string(w);
    } else if (tag == TC_REFERENCE) {
        (void)read_reference(w);
    } else {
        fail(w, "a field's class");
    }
}

static void read_fields(struct walk *w, struct class *c)
{
    c->n_fields = rd_u16(w->in, "the number of fields");
    if (c->n_fields > FIELDS_MAX) {
        fail(w, "more fields than are followed");
    }
    for (size_t i = 0; i < c->n_fields && rd_left(w->in) > 0; i++) {
        c->fields[i] = rd_u8(w->in, "a field's type");
        skip_string(w);
        if (c->fields[i] == 'L' || c->fields[i] == '[') {
            skip_field_class(w);
        }
    }
}

static void begin_class(struct walk *w, struct class *c, uint8_t at)
{
    struct bytes name = rd_vec16(w->in, 1, UINT16_MAX, "a class name");
    c->element = name.len > 1 && name.p[0] == '[' ? name.p[1] : 0;
    (void)rd_u64(w->in, "a class's serialVersionUID");
    number(w, at);
    c->flags = rd_u8(w->in, "a class's flags");
    read_fields(w, c);
}

static void begin_proxy(struct walk *w, struct class *c, uint8_t at)
{
    number(w, at);
    c->flags = SC_SERIALIZABLE;
    uint32_t n = rd_u32(w->in, "the number of interfaces");
    for (uint32_t i = 0; i < n && rd_left(w->in) > 0; i++) {
        skip_string(w);
    }
}

/* A class description as far as it can be read at once; the rest is to do. */
static uint8_t read_class(struct walk *w)
{
    uint8_t tag = rd_u8(w->in, "a class");
    if (tag == TC_NULL) {
        return NO_CLASS;
    }
    if (tag == TC_REFERENCE) {
        return read_reference(w);
    }
    if ((tag != TC_CLASSDESC && tag != TC_PROXYCLASSDESC) || w->n_classes == CLASSES_MAX) {
        fail(w, "a class");
        return NO_CLASS;
    }
    uint8_t at = (uint8_t)w->n_classes++;
    struct class *c = &w->classes[at];
    *c = (struct class){ .super = NO_CLASS };
    push(w, TASK_SUPER, at, 0);
    push(w, TASK_ANNOTATION, 0, 0);
    if (tag == TC_CLASSDESC) {
        begin_class(w, c, at);
    } else {
        begin_proxy(w, c, at);
    }
    return at;
}

/* `kind` waits below what is still to be read of its class. */
static void push_with_class(struct walk *w, enum task_kind kind)
{
    size_t at = w->n_tasks;
    push(w, kind, NO_CLASS, 0);
    uint8_t class = read_class(w);
    if (at < w->n_tasks) {
        w->tasks[at].of = class;
    }
}

static void read_object(struct walk *w)
{
    uint8_t tag = rd_u8(w->in, "an object");
    switch (tag) {
    case TC_NULL:
        break;
    case TC_REFERENCE:
        (void)read_reference(w);
        break;
    case TC_STRING:
        number(w, NO_CLASS);
        skip_string(w);
        break;
    case TC_OBJECT:
        push_with_class(w, TASK_OBJECT_DATA);
        break;
    case TC_ARRAY:
        push_with_class(w, TASK_ARRAY_DATA);
        break;
    case TC_CLASS:
        push_with_class(w, TASK_HANDLE);
        break;
    case TC_ENUM:
        push(w, TASK_OBJECT, 0, 0); /* the constant's name */
        push_with_class(w, TASK_HANDLE);
        break;
    default: /* a number from outside, not an enum */
        fail(w, "an object of unknown kind");
    }
}

static void read_annotation(struct walk *w)
{
    uint8_t tag = w->in->fault->kind == FAULT_NONE && w->in->left > 0 ? w->in->p[0] : 0;
    if (tag == TC_ENDBLOCKDATA) {
        (void)rd_u8(w->in, "the end of a block");
        return;
    }
    push(w, TASK_ANNOTATION, 0, 0);
    if (tag == TC_BLOCKDATA) {
        (void)rd_u8(w->in, "a block");
        (void)rd_vec8(w->in, 0, UINT8_MAX, "a block");
    } else if (tag == TC_BLOCKDATALONG) {
        (void)rd_u8(w->in, "a block");
        (void)rd_bytes(w->in, rd_u32(w->in, "a block"), "a block");
    } else {
        push(w, TASK_OBJECT, 0, 0);
    }
}

/* The class that is extended comes first. */
static void begin_object_data(struct walk *w, uint8_t class)
{
    number(w, NO_CLASS);
    for (size_t i = 0; class != NO_CLASS && i <= CLASSES_MAX; i++) {
        push(w, TASK_CLASS_DATA, class, 0);
        class = w->classes[class].super;
    }
    if (class != NO_CLASS) {
        fail(w, "a class that extends itself");
    }
}

static void begin_class_data(struct walk *w, uint8_t class)
{
    uint8_t flags = w->classes[class].flags;
    if ((flags & SC_SERIALIZABLE) != 0) {
        if ((flags & SC_WRITE_METHOD) != 0) {
            push(w, TASK_ANNOTATION, 0, 0);
        }
        push(w, TASK_FIELDS, class, 0);
    } else if ((flags & SC_EXTERNALIZABLE) != 0 && (flags & SC_BLOCK_DATA) != 0) {
        push(w, TASK_ANNOTATION, 0, 0);
    } else {
        fail(w, "a class whose objects have no form");
    }
}

/* Bytes of a value of a primitive type; 0: an object, or no type. */
static size_t size_of(uint8_t type)
{
    static const struct {
        char type;
        uint8_t size;
    } sizes[] = { { 'B', 1 }, { 'Z', 1 }, { 'C', 2 }, { 'S', 2 },
                  { 'I', 4 }, { 'F', 4 }, { 'J', 8 }, { 'D', 8 } };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if ((uint8_t)sizes[i].type == type) {
            return sizes[i].size;
        }
    }
    return 0;
}

static void read_fields_of(struct walk *w, uint8_t class, uint32_t from)
{
    const struct class *c = &w->classes[class];
    for (uint32_t i = from; i < c->n_fields; i++) {
        size_t size = size_of(c->fields[i]);
        if (size == 0) {
            push(w, TASK_FIELDS, class, i + 1);
            push(w, TASK_OBJECT, 0, 0);
            return;
        }
        (void)rd_bytes(w->in, size, "a field");
    }
}

static void begin_array_data(struct walk *w, uint8_t class)
{
    number(w, NO_CLASS);
    uint32_t n = rd_u32(w->in, "the length of an array");
    size_t size = class == NO_CLASS ? 0 : size_of(w->classes[class].element);
    if (size > 0) {
        (void)rd_bytes(w->in, (size_t)n * size, "an array");
    } else {
        push(w, TASK_ELEMENTS, 0, n);
    }
}

static void run(struct walk *w, struct task t)
{
    switch (t.kind) {
    case TASK_OBJECT:
        read_object(w);
        break;
    case TASK_ANNOTATION:
        read_annotation(w);
        break;
    case TASK_SUPER:
        w->classes[t.of].super = read_class(w);
        break;
    case TASK_OBJECT_DATA:
        begin_object_data(w, t.of);
        break;
    case TASK_CLASS_DATA:
        begin_class_data(w, t.of);
        break;
    case TASK_FIELDS:
        read_fields_of(w, t.of, t.n);
        break;
    case TASK_ARRAY_DATA:
        begin_array_data(w, t.of);
        break;
    case TASK_ELEMENTS:
        if (t.n > 0) {
            push(w, TASK_ELEMENTS, 0, t.n - 1);
            push(w, TASK_OBJECT, 0, 0);
        }
        break;
    case TASK_HANDLE:
        number(w, NO_CLASS);
        break;
    }
}

bool java_object_skip(struct reader *in)
{
    struct walk w = { .in = in };
    if (rd_u32(in, "the stream header") != 0xaced0005) {
        rd_fail(in, FAULT_MALFORMED, "the stream header");
    }
    push(&w, TASK_OBJECT, 0, 0);
    while (w.n_tasks > 0 && in->fault->kind == FAULT_NONE) {
        run(&w, w.tasks[--w.n_tasks]);
    }
    return in->fault->kind == FAULT_NONE;
}
