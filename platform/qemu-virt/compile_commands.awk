# Makes compile_commands.json for clangd: input lines "FILE COMMAND...", -v directory=.
BEGIN { print "[" }
{
    file = $1
    sub(/^[^ ]+ /, "")
    gsub(/"/, "\\\"")
    printf("%s{\"directory\": \"%s\", \"file\": \"%s\", \"command\": \"%s\"}", (NR > 1) ? ",\n" : "", directory, file, $0)
}
END { print "\n]" }
