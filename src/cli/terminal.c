#include "cli/terminal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cli/options.h"

enum status terminal_colour_parse(const char *word, enum terminal_colour *out, struct err *err)
{
    static const char *const words[] = { "auto", "always", "never", NULL };
    int place = 0;
    TRY(option_choice("color", word, words, &place, err));
    *out = (enum terminal_colour)place;
    return ST_OK;
}

enum status terminal_width_parse(const char *word, unsigned *out, struct err *err)
{
    return option_number("width", word, TERMINAL_WIDTH_MIN, TERMINAL_WIDTH_MAX, out, err);
}

/* A terminal that knows no escape sequences. */
static bool is_dumb(void)
{
    const char *term = getenv("TERM");
    return term != NULL && strcmp(term, "dumb") == 0;
}

bool terminal_wants_colour(enum terminal_colour colour, FILE *out)
{
    const char *no_colour = getenv("NO_COLOR");
    if (colour != COLOUR_AUTO) {
        return colour == COLOUR_ALWAYS;
    }
    if (no_colour != NULL && no_colour[0] != '\0') {
        return false;
    }
    return isatty(fileno(out)) == 1 && !is_dumb();
}

bool terminal_shows_progress(void)
{
    return isatty(STDERR_FILENO) == 1 && !is_dumb();
}

unsigned terminal_width(FILE *out)
{
    struct winsize size = { 0 };
    if (isatty(fileno(out)) != 1 || ioctl(fileno(out), TIOCGWINSZ, &size) != 0 ||
        size.ws_col == 0) {
        return 0;
    }
    return size.ws_col < TERMINAL_WIDTH_MIN ? TERMINAL_WIDTH_MIN : size.ws_col;
}

static bool read_line(int fd, char *out, size_t room)
{
    size_t n = 0;
    char c = '\0';
    ssize_t got = read(fd, &c, 1);
    for (; got == 1 && c != '\n' && n + 1 < room; got = read(fd, &c, 1)) {
        out[n++] = c;
    }
    out[n] = '\0';
    return got == 1;
}

bool terminal_ask_secret(const char *prompt, char *out, size_t room)
{
    struct termios before;
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return false;
    }
    bool is_terminal = tcgetattr(fd, &before) == 0;
    if (is_terminal) {
        struct termios silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        is_terminal = tcsetattr(fd, TCSAFLUSH, &silent) == 0;
    }
    bool is_read = false;
    if (is_terminal) {
        (void)!write(fd, prompt, strlen(prompt));
        is_read = read_line(fd, out, room);
        (void)!write(fd, "\n", 1);
        (void)tcsetattr(fd, TCSAFLUSH, &before);
    }
    close(fd);
    return is_read;
}
