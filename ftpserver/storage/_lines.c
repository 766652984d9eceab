/* Lines of a listing, made where the names are: an accelerator for ftpserver/storage/listing.py.
 *
 * Theory. Python takes 4.5 us to look at a name and to say it, half of it for the objects between the two. Here a batch
 * of names is looked at (fstatat(2), links not followed, below a descriptor the jail has opened) and said without an
 * object and without the interpreter's lock, so that commands of other clients are answered meanwhile.
 *
 * Only the common case is said here: a regular file or directory, a printable name, a time from 1970 to 2099. Each
 * other name (a link, a FIFO, a control character, bytes that are no UTF-8, a failure to look) goes back to Python as
 * it is and in its place. So ftpwire/listing.py and ftpwire/facts.py stay what defines a line, and this module makes
 * the same bytes or none; tests/ftpserver/storage/test_listing.py compares the two. Where Python's arithmetic rounds (a
 * time that is all but the next second, an age on the edge of "recent") it is asked as well.
 *
 * Two functions, no state: unix_lines and fact_lines take a descriptor and a list of names, and return a list of
 * pieces in the order of the names: bytes, which are finished lines with their ends, and lists of names that are left
 * to Python. A name that has vanished is in none.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#define DAY 86400
#define RECENT (180 * DAY)       /* ftpwire/listing.py: what is older is shown with its year */
#define YEAR_2100 4102444800LL   /* beyond it the calendar is Python's */
#define ALL_BUT_A_SECOND 999999000

/* Growing text. What does not fit sets `failed`, and from then on nothing is written. ------------------------------ */

typedef struct {
    char *data;
    size_t used, room;
    int failed;
} Text;

static void put(Text *text, const char *data, size_t count)
{
    if (text->failed || count == 0)
        return;
    if (text->room - text->used < count) {
        size_t room = 2 * text->room + count + 4096;
        char *larger = PyMem_RawRealloc(text->data, room);
        if (larger == NULL) {
            text->failed = 1;
            return;
        }
        text->data = larger;
        text->room = room;
    }
    memcpy(text->data + text->used, data, count);
    text->used += count;
}

#define WIDTH 20 /* the decimal digits of 64 bits, the most there are; `width` is at most this */

/* A decimal number, filled on its left up to `width`. */
static void put_number(Text *text, uint64_t value, size_t width, char fill)
{
    char digits[WIDTH];
    size_t start = WIDTH;

    do
        digits[--start] = (char)('0' + value % 10);
    while (value /= 10);
    while (WIDTH - start < width)
        digits[--start] = fill;
    put(text, digits + start, WIDTH - start);
}

/* A hexadecimal number. */
static void put_hex(Text *text, uint64_t value)
{
    char digits[WIDTH];
    size_t start = WIDTH;

    do
        digits[--start] = "0123456789abcdef"[value & 15];
    while (value >>= 4);
    put(text, digits + start, WIDTH - start);
}

/* The forms ------------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *data;
    Py_ssize_t size;
} Slice;

typedef struct {
    Slice type, perm; /* these facts of every entry of a kind, or nothing */
} Words;

typedef struct Form {
    void (*say)(Text *, const struct Form *, const struct stat *);
    double now; /* unix_lines */
    Slice owners;
    Words file, directory; /* fact_lines */
    int size, modify, unique, mode;
} Form;

static void put_slice(Text *text, Slice slice)
{
    put(text, slice.data, (size_t)slice.size);
}

typedef struct {
    unsigned year, month, day;
} Date;

/* The date of a day since 1970, in years that begin with March, so that a leap day is the last of its year. */
static Date date_of(unsigned days)
{
    unsigned since = days + 719468, era = since / 146097, day = since % 146097; /* 0000-03-01; 400 years */
    unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    unsigned day_of_year = day - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * day_of_year + 2) / 153; /* from March on, five months are 153 days */
    Date date = {year + 400 * era, month < 10 ? month + 3 : month - 9, day_of_year - (153 * month + 2) / 5 + 1};

    if (date.month <= 2)
        date.year++;
    return date;
}

static void put_permissions(Text *text, mode_t mode)
{
    char letters[9];

    for (int place = 0; place < 9; place++)
        letters[place] = mode & (0400u >> place) ? "rwxrwxrwx"[place] : '-';
    if (mode & S_ISUID)
        letters[2] = letters[2] == 'x' ? 's' : 'S';
    if (mode & S_ISGID)
        letters[5] = letters[5] == 'x' ? 's' : 'S';
    if (mode & S_ISVTX)
        letters[8] = letters[8] == 'x' ? 't' : 'T';
    put(text, letters, sizeof letters);
}

/* "-rw-r--r--   1 ftp      ftp          1234 Nov 22 11:57 " (ftpwire.listing.unix_line) */
static void say_unix(Text *text, const Form *form, const struct stat *facts)
{
    double age = form->now - (double)facts->st_mtim.tv_sec;
    unsigned minutes = (unsigned)(facts->st_mtim.tv_sec / 60 % 1440);
    Date date = date_of((unsigned)(facts->st_mtim.tv_sec / DAY));

    put(text, S_ISDIR(facts->st_mode) ? "d" : "-", 1);
    put_permissions(text, facts->st_mode);
    put(text, " ", 1);
    put_number(text, facts->st_nlink, 3, ' ');
    put_slice(text, form->owners);
    put_number(text, (uint64_t)facts->st_size, 8, ' ');
    put(text, " ", 1);
    put(text, &"JanFebMarAprMayJunJulAugSepOctNovDec"[3 * (date.month - 1)], 3);
    put(text, " ", 1);
    put_number(text, date.day, 2, ' ');
    put(text, " ", 1);
    if (-DAY < age && age < RECENT) {
        put_number(text, minutes / 60, 2, '0');
        put(text, ":", 1);
        put_number(text, minutes % 60, 2, '0');
    } else {
        put_number(text, date.year, 5, ' ');
    }
    put(text, " ", 1);
}

/* "type=file;size=3;modify=20260102030405;perm=r;unique=1g2;UNIX.mode=0644; " (ftpwire.facts.FactLine) */
static void say_facts(Text *text, const Form *form, const struct stat *facts)
{
    int directory = S_ISDIR(facts->st_mode);
    const Words *words = directory ? &form->directory : &form->file;

    put_slice(text, words->type);
    if (form->size && !directory) {
        put(text, "size=", 5);
        put_number(text, (uint64_t)facts->st_size, 0, ' ');
        put(text, ";", 1);
    }
    if (form->modify) {
        unsigned second = (unsigned)(facts->st_mtim.tv_sec % DAY);
        Date date = date_of((unsigned)(facts->st_mtim.tv_sec / DAY));
        put(text, "modify=", 7);
        put_number(text, date.year * 10000 + date.month * 100 + date.day, 8, '0');
        put_number(text, second / 3600 * 10000 + second / 60 % 60 * 100 + second % 60, 6, '0');
        put(text, ";", 1);
    }
    put_slice(text, words->perm);
    if (form->unique) {
        put(text, "unique=", 7);
        put_hex(text, facts->st_dev);
        put(text, "g", 1);
        put_hex(text, facts->st_ino);
        put(text, ";", 1);
    }
    if (form->mode) {
        unsigned mode = facts->st_mode & 07777; /* its octal digits, as a decimal number */
        put(text, "UNIX.mode=0", 11);
        put_number(text, (mode >> 9) * 1000 + (mode >> 6 & 7) * 100 + (mode >> 3 & 7) * 10 + (mode & 7), 3, '0');
        put(text, ";", 1);
    }
    put(text, " ", 1);
}

/* One name -------------------------------------------------------------------------------------------------------- */

typedef struct {
    Slice name;  /* NULL for one that is left to Python */
    size_t end;  /* of the text, when this name was done */
} Step;

/* The bytes of a name that may stand in a line as it is, borrowed from it; else NULL. Bytes that are no UTF-8 are
 * surrogates here, which are not printable. */
static Slice plain(PyObject *name)
{
    Slice none = {NULL, 0}, found;

    if (!PyUnicode_Check(name))
        return none;
    for (Py_ssize_t place = 0; place < PyUnicode_GET_LENGTH(name); place++) {
        Py_UCS4 letter = PyUnicode_READ_CHAR(name, place);
        if (letter == '/' || letter < ' ' || (letter > '~' && !Py_UNICODE_ISPRINTABLE(letter)))
            return none;
    }
    found.data = PyUnicode_AsUTF8AndSize(name, &found.size);
    if (found.data == NULL)
        PyErr_Clear();
    return found;
}

/* Whether a fraction of a second decides if the time or the year is shown. */
static int on_edge(double now, const struct stat *facts)
{
    double age = now - (double)facts->st_mtim.tv_sec;

    return fabs(age + DAY) < 2 || fabs(age - RECENT) < 2;
}

/* Whether these facts are such that the line is the one Python would make. */
static int is_common(const Form *form, const struct stat *facts)
{
    return (S_ISREG(facts->st_mode) || S_ISDIR(facts->st_mode)) && facts->st_size >= 0 &&
           (int64_t)facts->st_dev >= 0 && facts->st_mtim.tv_sec >= 0 && facts->st_mtim.tv_sec < YEAR_2100 &&
           facts->st_mtim.tv_nsec < ALL_BUT_A_SECOND && !(form->say == say_unix && on_edge(form->now, facts));
}

/* Look at each name and say those that can be said here; the others lose their name. */
static void say_all(Text *text, const Form *form, int directory, Step *steps, Py_ssize_t count)
{
    struct stat facts;

    for (Py_ssize_t number = 0; number < count; number++) {
        Step *step = steps + number;
        if (step->name.data != NULL) {
            int found = fstatat(directory, step->name.data, &facts, AT_SYMLINK_NOFOLLOW) == 0;
            if (found && is_common(form, &facts)) {
                form->say(text, form, &facts);
                put_slice(text, step->name);
                put(text, "\r\n", 2);
            } else if (found || errno != ENOENT) {
                step->name.data = NULL;
            }
        }
        step->end = text->used;
    }
}

/* A batch --------------------------------------------------------------------------------------------------------- */

/* Append a new reference, or nothing after a failure; 0 when it is done. */
static int append(PyObject *list, PyObject *item)
{
    int failed = item == NULL || PyList_Append(list, item) < 0;

    Py_XDECREF(item);
    return failed;
}

/* The text and the names that are left, in turns. */
static PyObject *in_pieces(PyObject *names, const Step *steps, Py_ssize_t count, const Text *text)
{
    PyObject *pieces = PyList_New(0);
    size_t said = 0;
    int failed = pieces == NULL;

    for (Py_ssize_t number = 0; number < count && !failed;) {
        Py_ssize_t first = number;
        while (number < count && steps[number].name.data != NULL)
            number++;
        if (number > first && steps[number - 1].end > said) {
            size_t end = steps[number - 1].end;
            failed = append(pieces, PyBytes_FromStringAndSize(text->data + said, (Py_ssize_t)(end - said)));
            said = end;
        }
        first = number;
        while (number < count && steps[number].name.data == NULL)
            number++;
        if (number > first && !failed)
            failed = append(pieces, PySequence_GetSlice(names, first, number));
    }
    if (failed)
        Py_CLEAR(pieces);
    return pieces;
}

static PyObject *lines(const Form *form, int directory, PyObject *list)
{
    PyObject *names = PyList_AsTuple(list); /* ours, so that no name goes away while others have the lock */
    PyObject *pieces = NULL;
    Py_ssize_t count = names == NULL ? 0 : PyTuple_GET_SIZE(names);
    Step *steps = PyMem_RawCalloc((size_t)count + 1, sizeof(Step));
    Text text = {NULL, 0, 0, steps == NULL};

    if (names != NULL && steps != NULL) {
        for (Py_ssize_t number = 0; number < count; number++)
            steps[number].name = plain(PyTuple_GET_ITEM(names, number));
        Py_BEGIN_ALLOW_THREADS
        say_all(&text, form, directory, steps, count);
        Py_END_ALLOW_THREADS
    }
    if (names != NULL)
        pieces = text.failed ? PyErr_NoMemory() : in_pieces(names, steps, count, &text);
    PyMem_RawFree(text.data);
    PyMem_RawFree(steps);
    Py_XDECREF(names);
    return pieces;
}

/* The module ------------------------------------------------------------------------------------------------------ */

static PyObject *unix_lines(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Form form = {.say = say_unix};
    PyObject *names;
    int directory;

    if (!PyArg_ParseTuple(arguments, "dy#iO!:unix_lines", &form.now, &form.owners.data, &form.owners.size,
                          &directory, &PyList_Type, &names))
        return NULL;
    return lines(&form, directory, names);
}

static PyObject *fact_lines(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Form form = {.say = say_facts};
    PyObject *names;
    int directory;

    if (!PyArg_ParseTuple(arguments, "(y#y#)(y#y#)ppppiO!:fact_lines", &form.file.type.data, &form.file.type.size,
                          &form.file.perm.data, &form.file.perm.size, &form.directory.type.data,
                          &form.directory.type.size, &form.directory.perm.data, &form.directory.perm.size,
                          &form.size, &form.modify, &form.unique, &form.mode, &directory, &PyList_Type, &names))
        return NULL;
    return lines(&form, directory, names);
}

static PyMethodDef functions[] = {
    {"unix_lines", unix_lines, METH_VARARGS, "unix_lines(now, owners, directory, names): lines of LIST, in pieces."},
    {"fact_lines", fact_lines, METH_VARARGS,
     "fact_lines((type, perm) of files, of directories, size, modify, unique, mode, directory, names): of MLSD."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "ftpserver.storage._lines",
    .m_doc = "Lines of a listing, made where the names are.",
    .m_methods = functions,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__lines(void)
{
    return PyModuleDef_Init(&definition);
}
