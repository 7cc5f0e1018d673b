/* A form: GET shows it, POST greets the name that was sent. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *variable(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

/* Text of others never reaches the page as markup. */
static void print_escaped(const char *text) {
    for (; *text; text++) {
        switch (*text) {
        case '<': fputs("&lt;", stdout); break;
        case '>': fputs("&gt;", stdout); break;
        case '&': fputs("&amp;", stdout); break;
        case '"': fputs("&quot;", stdout); break;
        default: putchar(*text);
        }
    }
}

static int hex_digit(char c) {
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* Decodes application/x-www-form-urlencoded in place; the text only ever gets shorter. */
static void decode(char *text) {
    char *to = text;
    for (; *text; text++) {
        if (*text == '+') {
            *to++ = ' ';
        } else if (*text == '%' && isxdigit((unsigned char)text[1]) && isxdigit((unsigned char)text[2])) {
            *to++ = (char)(hex_digit(text[1]) << 4 | hex_digit(text[2]));
            text += 2;
        } else {
            *to++ = *text;
        }
    }
    *to = '\0';
}

/* The decoded value of a field, or NULL. Cuts the form up: one look-up a form. */
static char *field(char *form, const char *name) {
    size_t length = strlen(name);
    for (char *item = strtok(form, "&"); item; item = strtok(NULL, "&")) {
        if (strncmp(item, name, length) == 0 && item[length] == '=') {
            decode(item + length + 1);
            return item + length + 1;
        }
    }
    return NULL;
}

int main(void) {
    /* Read to the end: a chunked upload has no CONTENT_LENGTH. */
    static char form[64 * 1024 + 1];
    size_t length = fread(form, 1, sizeof form - 1, stdin);
    if (ferror(stdin)) {
        fputs("the form did not arrive whole\n", stderr);
        return 1;
    }
    form[length] = '\0';

    puts("Content-Type: text/html; charset=utf-8\n");
    if (strcmp(variable("REQUEST_METHOD", "GET"), "POST") == 0) {
        const char *name = field(form, "name");
        printf("<p>%s, ", variable("GREETING", "Hello"));
        print_escaped(name && *name ? name : "stranger");
        puts(".</p>");
    } else {
        fputs("<form method=\"post\" action=\"", stdout);
        print_escaped(variable("SCRIPT_NAME", ""));
        puts("\"><input name=\"name\"><button>Greet</button></form>");
    }
    return 0;
}
