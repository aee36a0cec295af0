"""What people see of a review: a page about one course, one about a department, a sheet for the patient."""
